import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { bodyOf, CARDS, eventually, NoAnswer, type Product, ShopClient } from '../harness/client.ts';
import { startShopOn } from '../harness/engines.ts';

const engines = { postgres: process.env.RAMET_TEST_POSTGRES ?? '', consul: process.env.RAMET_TEST_CONSUL ?? '' };
const CLIENTS = 6;
const PAUSE_MS = 100;

test('every process is replaced under load, gateways too, one after another, and no request fails', { timeout: 800_000 }, async () => {
  const { shop, end } = await startShopOn(engines, { program: 'shop/rig/fleet/main.ts' });
  try {
    const client = new ShopClient(shop);
    const products = bodyOf(await client.search({ limit: 100 })).items.filter(({ available }: Product) => available > 100);
    const customers = await Promise.all(Array.from({ length: CLIENTS }, () => client.customer()));
    const failed: string[] = [];
    const placed: { customer: (typeof customers)[number]; orderId: string }[] = [];
    let requests = 0;
    let slowest = 0;
    let over = false;
    const asked = async <T>(what: string, request: Promise<T & { status: number; text: string }>): Promise<T | undefined> => {
      const startedAt = performance.now();
      const answer = await request.catch((error: unknown) => error as NoAnswer);
      requests++;
      slowest = Math.max(slowest, performance.now() - startedAt);
      if (answer instanceof NoAnswer) failed.push(`${what}: ${answer.message}`);
      else if (answer.status >= 400) failed.push(`${what}: ${answer.status} ${answer.text}`);
      else return answer;
      return undefined;
    };
    const load = async (i: number) => {
      const customer = customers[i] as (typeof customers)[number];
      for (let n = i; !over; n++) {
        const { sku } = products[n % products.length] as Product;
        await asked('product', client.request('GET', `/api/products/${sku}`));
        const answer = await asked('order', customer.place({ lines: [{ sku, quantity: 1 }], card: { number: CARDS.pays } }, randomUUID()));
        if (answer) placed.push({ customer, orderId: bodyOf(answer, 202).orderId });
        await asked('list', client.request('GET', '/api/orders', { token: customer.token }));
        await asked('home', client.request('GET', '/api/home', { token: customer.token }));
        await sleep(PAUSE_MS);
      }
    };
    const loads = Promise.all(customers.map((_, i) => load(i)));
    await sleep(2_000);
    shop.signal('SIGHUP');
    await eventually(
      async () => shop.stdout.includes('replaced every process'),
      (done) => done,
      600_000,
    );
    await sleep(2_000);
    over = true;
    await loads;
    expect(failed).toEqual([]);
    expect(requests).toBeGreaterThan(100);
    // What was promised meanwhile comes to its end.
    for (const { customer, orderId } of placed) {
      await eventually(
        async () => bodyOf(await customer.order(orderId)).status,
        (status) => status === 'confirmed',
        60_000,
      );
    }
    process.stderr.write(`${requests} requests, none failed, slowest ${Math.round(slowest)} ms; ${placed.length} orders confirmed\n`);
    client.close();
  } finally {
    await shop[Symbol.asyncDispose]();
    await end();
  }
});
