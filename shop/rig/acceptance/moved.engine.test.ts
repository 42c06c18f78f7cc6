import { provision } from 'ramet/store/postgres';
import { expect } from 'vitest';
import topology from '../../app/topology.ts';
import { bodyOf, CARDS, eventually, ShopClient } from '../harness/client.ts';
import { startShopOn, takeCorner } from '../harness/engines.ts';
import { move } from '../harness/move.ts';
import { launchShop, startShop } from '../harness/shop-process.ts';
import { acceptance } from './acceptance.ts';
import { asShop } from './started.ts';
import type { Shop, StartOptions } from './suite.ts';

const postgres = process.env.RAMET_TEST_POSTGRES ?? '';
const services = Object.keys(topology.services);
/** Why an order is cancelled whose steps had no time left. */
const LATE = 'the order could not be completed in time';
let first = true;

/**
 * The first shop of the suite has a past: it began as one process on SQLite, was killed while it had sagas under way, moved to
 * PostgreSQL, and from there to another database. Others start on PostgreSQL at once.
 */
acceptance(async (options = {}) => {
  if (first) {
    first = false;
    return withAPast(options);
  }
  const { shop, end } = await startShopOn({ postgres }, { program: 'shop/app/main.ts', env: { PROFILE: 'postgres', ...options.env } });
  return asShop(shop, end);
});

async function withAPast({ env = {} }: StartOptions): Promise<Shop> {
  const corners = [await takeCorner({ postgres }), await takeCorner({ postgres })] as const;
  const shop = await startShop({ env });
  const end = async () => {
    for (const corner of corners) await corner[Symbol.asyncDispose]();
  };
  try {
    const client = new ShopClient(shop);
    const customer = await client.customer('Ada');
    const [product] = bodyOf(await client.search({ limit: 1 })).items;
    const order = (card: string) => customer.placeSurely({ lines: [{ sku: product?.sku ?? '', quantity: 1 }], card: { number: card } });
    const settled = await order(CARDS.pays);
    await eventually(
      async () => bodyOf(await customer.order(settled)).status,
      (status) => status === 'confirmed',
    );
    // The card is charged, and the shop has no record of it: the process ends before the answer arrives.
    const open = await Promise.all(Array.from({ length: 5 }, () => order(CARDS.chargesAndDrops)));
    await shop.kill();

    const [there, further] = [await urls(corners[0]), await urls(corners[1])];
    for (const service of services) {
      const said = await move(service, there[service] as string, 'monolith', { DATA_DIR: shop.dataDir });
      expect(said).toContain('are equal in both stores');
    }
    const secondHome = Object.fromEntries(services.map((service) => [`${service.toUpperCase()}_DATABASE`, there[service] as string]));
    for (const service of services)
      await move(service, further[service] as string, 'postgres', { ...secondHome, SHOP_PREFIX: corners[0].env['SHOP_PREFIX'] as string });
    await shop.restart({ ...env, PROFILE: 'postgres', ...corners[1].env });

    for (const orderId of [settled, ...open]) {
      const { status, reason } = await customer.settled(orderId);
      const charges = (await client.charges(orderId)).map((charge) => charge.status);
      // The time of a step continues while its saga is moved, which takes long on a busy machine.
      if (reason === LATE && orderId !== settled) expect(charges.filter((charge) => charge !== 'refunded')).toEqual([]);
      else expect({ status, charges }).toEqual({ status: 'confirmed', charges: ['captured'] });
    }
    client.close();
    // The past is closed: neither of the stores that were left lets anybody start.
    const old = await launchShop({ dataDir: shop.dataDir });
    await old.exited;
    expect(old.stderr).toContain('were moved to another store');
    return asShop(shop, end);
  } catch (error) {
    await shop[Symbol.asyncDispose]();
    await end();
    throw error;
  }
}

const urls = async (corner: { databaseUrl: string; env: Readonly<Record<string, string>> }): Promise<Readonly<Record<string, string>>> =>
  (await provision(corner.databaseUrl, { services, prefix: corner.env['SHOP_PREFIX'] as string })).urls;
