/** An event commits with the rows that made it true, and each subscriber reacts to it once, in its own transaction. */
import { setTimeout as sleep } from 'node:timers/promises';
import { command, contract, event, query, service, sql } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { z } from 'zod';

const Order = z.object({ sku: z.string(), quantity: z.int().min(1) });
const Orders = contract('orders', {
  commands: { place: command({ input: Order }) },
  events: { OrderPlaced: event(Order, { key: 'sku' }) },
});
const Stock = contract('stock', {
  queries: { left: query({ input: z.object({ sku: z.string() }), output: z.object({ left: z.int() }) }) },
});

const orders = service(Orders).implement({
  commands: { place: (order, { emit }) => emit.OrderPlaced(order) },
});

const stock = service(Stock, {
  store: sql<{ stock: { sku: string; left: number } }>({
    migrations: {
      '0001_stock': `create table stock (sku text primary key, "left" integer not null); insert into stock values ('tea', 10)`,
    },
  }),
}).implement({
  queries: { left: ({ sku }, { db }) => db.selectFrom('stock').select('left').where('sku', '=', sku).executeTakeFirstOrThrow() },
  reactions: (on) => [
    on(Orders.events.OrderPlaced, async ({ sku, quantity }, { db }) => {
      await db
        .updateTable('stock')
        .set((row) => ({ left: row('left', '-', quantity) }))
        .where('sku', '=', sku)
        .execute();
    }),
  ],
});

const runtime = await start(
  topology({
    services: { orders, stock },
    profiles: { monolith: { store: sqlite(process.env.DATA_DIR ?? '.data'), bus: embedded() } },
  }),
  { logLevel: 'warn' },
);
for (const quantity of [1, 2, 3]) await runtime.client(Orders).place({ sku: 'tea', quantity });

// The reactions run after the commands have answered, so their effect is awaited.
let left = 10;
while (left > 4) {
  await sleep(20);
  ({ left } = await runtime.client(Stock).left({ sku: 'tea' }));
}
console.log(`10 bags of tea, orders of 1, 2 and 3: ${left} left`);
await runtime.stop();
