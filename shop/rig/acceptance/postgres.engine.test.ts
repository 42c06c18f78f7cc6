import { startShopOn } from '../harness/engines.ts';
import { acceptance } from './acceptance.ts';
import { asShop } from './started.ts';

const postgres = process.env.RAMET_TEST_POSTGRES ?? '';

/** The shop as one process on PostgreSQL. */
acceptance(async ({ env } = {}) => {
  const { shop, end } = await startShopOn({ postgres }, { program: 'shop/app/main.ts', env: { PROFILE: 'postgres', ...env } });
  return asShop(shop, end);
});
