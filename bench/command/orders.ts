import { command, contract, event, query, service, sql } from 'ramet';
import { z } from 'zod';

const Lines = z.array(z.object({ sku: z.string(), quantity: z.int().min(1).max(99) })).min(1);

/** A service that takes orders, as small as one can be that does everything. */
export const Orders = contract('orders', {
  commands: {
    place: command({
      input: z.object({ lines: Lines }),
      output: z.object({ orderId: z.string() }),
      http: { route: 'POST /orders', status: 202 },
      key: 'required',
    }),
  },
  queries: { count: query({ input: z.object({ customerId: z.string() }), output: z.object({ orders: z.int() }) }) },
  events: { OrderPlaced: event(z.object({ orderId: z.string(), customerId: z.string(), lines: Lines }), { key: 'orderId' }) },
});

interface Tables {
  orders: { order_id: string; customer_id: string; status: string; lines: string };
}

const MIGRATIONS = {
  '0001_orders': `create table orders (order_id text primary key, customer_id text not null, status text not null, lines text not null);
    create index orders_of_customer on orders (customer_id)`,
};

export const orders = service(Orders, { store: sql<Tables>({ migrations: MIGRATIONS }) }).implement({
  commands: {
    async place({ lines }, { db, emit, id, caller }) {
      const orderId = id('ord');
      const customerId = caller.subject;
      await db
        .insertInto('orders')
        .values({ order_id: orderId, customer_id: customerId, status: 'pending', lines: JSON.stringify(lines) })
        .execute();
      emit.OrderPlaced({ orderId, customerId, lines });
      return { orderId };
    },
  },
  queries: {
    // The first of them only: how long it takes must not depend on how many orders there are.
    count: async ({ customerId }, { db }) => ({
      orders: (await db.selectFrom('orders').select('order_id').where('customer_id', '=', customerId).limit(1).execute()).length,
    }),
  },
});

export const ORDER = {
  lines: [
    { sku: 'brass-lamp', quantity: 1 },
    { sku: 'oak-shelf', quantity: 2 },
  ],
};
