import { randomBytes } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import pg from 'pg';
import { realPlatform } from 'ramet/platform';
import { postgres } from 'ramet/store/postgres';
import { afterAll, beforeEach, describe, expect, test } from 'vitest';
import { enterPaid, enterRefunded } from './analytics/ledger.ts';
import { allocate, callOff, wait } from './inventory/allocations.ts';
import { shift } from './inventory/stock.ts';
import { judge } from './orders/returning.ts';

/*
 * What the services do when two of their transactions meet on PostgreSQL: each holds what it did for a while before it
 * commits, so that the other one runs in the middle of it.
 */
const server = process.env.RAMET_TEST_POSTGRES ?? '';
const schemas: string[] = [];
type Opened = Awaited<ReturnType<ReturnType<typeof postgres>['open']>>;
let store: Opened;
let told: { name: string; data: any }[];

const admin = async (...statements: string[]): Promise<void> => {
  const client = new pg.Client({ connectionString: server });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
};

async function open(service: string): Promise<void> {
  const schema = `shop_${randomBytes(5).toString('hex')}`;
  schemas.push(schema);
  told = [];
  const folder = new URL(`./${service}/migrations/`, import.meta.url);
  const files = readdirSync(folder).sort();
  store = await postgres(server, { schema }).open(service, {
    platform: realPlatform(),
    onWarning: () => {},
    onFatal: (error) => {
      throw error;
    },
  });
  await admin(`set search_path = ${schema}`, ...files.map((file) => readFileSync(new URL(file, folder), 'utf8')));
}

afterAll(async () => {
  await store?.close();
  await admin(...schemas.map((schema) => `drop schema ${schema} cascade`));
});

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** One transaction of a handler, which takes its time before it commits. */
const transaction = (run: (ctx: any) => Promise<unknown>, startMs = 0) =>
  pause(startMs).then(() =>
    store.write(async (tx) => {
      const mine: typeof told = [];
      const emit = new Proxy({}, { get: (_, name) => (data: unknown) => mine.push({ name: String(name), data }) });
      await run({ db: tx.db, emit, event: { id: randomBytes(6).toString('hex') }, now: () => new Date() });
      await pause(60);
      tx.afterCommit(() => told.push(...mine));
    }),
  );
const all = <R>(sql: string) => store.reader.all<R>(sql);
const named = (name: string) => told.filter((event) => event.name === name);

describe('inventory', () => {
  const lamp = { sku: 'LAMP', quantity: 1 };
  const receive = (quantity: number) => (ctx: any) =>
    ctx.db
      .insertInto('stock')
      .values({ sku: 'LAMP', available: quantity, reserved: 0, sold: 0, revision: 1 })
      .onConflict((conflict: any) => conflict.column('sku').doUpdateSet((eb: any) => ({ available: eb('stock.available', '+', quantity) })))
      .execute()
      .then(() => allocate(ctx, 'LAMP'));

  beforeEach(() => open('inventory'));

  test('a pre-order that begins to wait while goods arrive gets them', async () => {
    for (let i = 0; i < 4; i++)
      await Promise.all([
        transaction(receive(1), i % 2 === 0 ? 20 : 0),
        transaction((ctx) => wait(ctx, { preorderId: `p${i}`, ...lamp }), i % 2 === 0 ? 0 : 20),
      ]);
    expect(await all('select status, count(*) as n from allocations group by status')).toEqual([{ status: 'allocated', n: 4 }]);
    expect(await all('select available, reserved from stock')).toEqual([{ available: 0, reserved: 4 }]);
  });

  test('goods that come from two sides at once serve a pre-order once', async () => {
    await transaction((ctx) => wait(ctx, { preorderId: 'p1', ...lamp }));
    await transaction((ctx) => wait(ctx, { preorderId: 'p2', ...lamp }));
    await Promise.all([transaction(receive(2)), transaction(receive(2), 20), transaction((ctx) => allocate(ctx, 'LAMP'), 20)]);
    expect(named('StockAllocated').map(({ data }) => data.preorderId)).toEqual(['p1', 'p2']);
    expect(await all('select available, reserved from stock')).toEqual([{ available: 2, reserved: 2 }]);
  });

  test('what is called off while it is served is not held for ever', async () => {
    await transaction((ctx) => wait(ctx, { preorderId: 'p1', ...lamp }));
    await Promise.all([transaction(receive(1)), transaction((ctx) => callOff(ctx, { preorderId: 'p1', ...lamp }), 20)]);
    await transaction((ctx) => wait(ctx, { preorderId: 'p2', ...lamp, quantity: 2 }));
    await Promise.all([transaction((ctx) => callOff(ctx, { preorderId: 'p2', ...lamp, quantity: 2 })), transaction(receive(3), 20)]);
    expect(await all('select available, reserved from stock')).toEqual([{ available: 4, reserved: 0 }]);
    await expect(transaction((ctx) => shift(ctx, lamp, 'reserved', 'sold'))).rejects.toThrow('there are not 1 LAMP');
  });
});

test('two returns of one order are judged one after the other', async () => {
  await open('orders');
  const lines = JSON.stringify([{ sku: 'LAMP', name: 'Lamp', quantity: 1, price: 100 }]);
  await store.write((tx) =>
    tx.run(
      `insert into orders (order_id, customer_id, status, total, lines, placed_at, entries) values ('ord_1', 'usr_1', 'confirmed', 100, ?, '', 1)`,
      lines,
    ),
  );
  const ask = (returnId: string) => (ctx: any) => judge(ctx, { returnId, orderId: 'ord_1', customerId: 'usr_1', reason: 'no' });
  await Promise.all([transaction(ask('ret_1')), transaction(ask('ret_2'), 20)]);
  expect(told.map(({ name }) => name).sort()).toEqual(['ReturnApproved', 'ReturnDenied']);
});

test('two refunds at once never give back more than was paid', async () => {
  await open('analytics');
  await transaction((ctx) => enterPaid(ctx, 'ord_1', 100));
  const refunds = [0, 20].map((startMs) => transaction((ctx) => enterRefunded(ctx, 'ord_1', 80), startMs));
  expect((await Promise.allSettled(refunds)).map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
});
