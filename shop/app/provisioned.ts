import { provision } from 'ramet/store/postgres';
import topology from './topology.ts';

/**
 * Gives each service its role and schema on the PostgreSQL of DATABASE_URL, if a role that may do so started the
 * shop; otherwise each service's own address stands in the environment already, as `ORDERS_DATABASE`.
 */
export async function provisioned(): Promise<void> {
  const url = process.env.DATABASE_URL;
  if (!url) return;
  const { urls } = await provision(url, { services: Object.keys(topology.services), prefix: process.env.SHOP_PREFIX || '' });
  delete process.env.DATABASE_URL;
  for (const [name, own] of Object.entries(urls)) process.env[`${name.toUpperCase()}_DATABASE`] = own;
}
