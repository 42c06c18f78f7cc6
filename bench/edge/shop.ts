import { setTimeout as sleep } from 'node:timers/promises';
import { CARDS, ShopClient } from '../../shop/rig/harness/client.ts';
import { startShop } from '../../shop/rig/harness/shop-process.ts';
import type { Start } from '../core/row.ts';
import { loaded } from './measure.ts';

const CUSTOMERS = 10;
/** Sagas of the round before must not be in the next one. */
const SETTLE_MS = 2_000;

const start: Start = async ({ folder, forMs, flushEnv }) => {
  const shop = await startShop({ dataDir: folder, env: { ...flushEnv, RATE_LIMIT: '100000000/15m' } });
  const client = new ShopClient(shop);
  const { items } = (await client.search({ limit: 50 })).body;
  const plenty = [...items].sort((a, b) => b.available - a.available)[0];
  const tokens: string[] = [];
  for (let i = 0; i < CUSTOMERS; i++) tokens.push((await client.customer(`Customer ${i}`)).token);
  client.close();
  const body = JSON.stringify({ lines: [{ sku: plenty?.sku, quantity: 1 }], card: { number: CARDS.pays } });
  const running = await loaded(
    { port: shop.ports.web, path: '/api/orders', tokens, body, status: 202 },
    forMs,
    () => shop[Symbol.asyncDispose](),
    false,
  );
  return {
    ...running,
    async round() {
      const figures = await running.round();
      await sleep(SETTLE_MS);
      return figures;
    },
  };
};
export default start;
