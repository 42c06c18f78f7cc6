/*
 * What a user's code infers, and at the end what must be refused. `tsc` is the test: a line under @ts-expect-error that
 * compiles is an error. The sketch of this face stands in the architecture; it must not become worse.
 */
import { z } from 'zod';
import {
  command,
  contract,
  effect,
  event,
  expose,
  external,
  failure,
  gateway,
  prepared,
  query,
  SagaNeedsAttention,
  saga,
  service,
  sql,
  stream,
  use,
} from './index.ts';

const Line = z.object({ sku: z.string(), quantity: z.int().positive() });
const Catalog = contract('catalog', {
  queries: {
    quote: query({
      input: z.object({ lines: z.array(Line) }),
      output: z.object({ total: z.int() }),
      errors: { Unknown: failure(404, z.object({ sku: z.string() })) },
    }),
  },
});
const Inventory = contract('inventory', {
  commands: {
    reserve: command({
      input: z.object({ orderId: z.string(), lines: z.array(Line) }),
      errors: { OutOfStock: failure(409, z.object({ sku: z.string() })) },
    }),
    release: command({ input: z.object({ orderId: z.string() }) }),
  },
  queries: { watch: stream({ input: z.object({ sku: z.string() }), output: z.object({ available: z.int() }) }) },
});
const Payments = contract('payments', {
  commands: {
    charge: command({
      input: z.object({ orderId: z.string(), amount: z.int(), cardToken: z.string() }),
      output: z.object({ paymentId: z.string() }),
      errors: { Declined: failure(402, z.object({ reason: z.string() })) },
    }),
    refund: command({ input: z.object({ orderId: z.string() }) }),
  },
  events: { PaymentCaptured: event(z.object({ orderId: z.string(), paymentId: z.string() }), { key: 'orderId' }) },
});
const Orders = contract('orders', {
  commands: {
    place: command({
      input: z.object({ lines: z.array(Line).min(1), cardToken: z.string() }),
      output: z.object({ orderId: z.string() }),
      errors: { CustomerBlocked: failure(403, z.object({})) },
      http: { route: 'POST /orders', status: 202 },
    }),
  },
  queries: {
    get: query({
      input: z.object({ orderId: z.string() }),
      output: z.object({ orderId: z.string(), status: z.enum(['pending', 'paid']) }),
      errors: { NotFound: failure(404, z.object({ orderId: z.string() })) },
      http: 'GET /orders/{orderId}',
    }),
  },
  events: { OrderPlaced: event(z.object({ orderId: z.string(), customerId: z.string(), total: z.int() }), { key: 'orderId' }) },
});

const fulfilOrder = saga('fulfil-order', {
  input: z.object({ orderId: z.string(), lines: z.array(Line), total: z.int(), cardToken: z.string() }),
  key: 'orderId',
  uses: { inventory: use(Inventory), payments: use(Payments, { bulkhead: 10 }) },
  async run({ orderId, lines, total, cardToken }, saga) {
    const { inventory, payments } = saga.use;
    await saga.step('reserve stock', inventory.reserve({ orderId, lines }), { undo: inventory.release({ orderId }) });
    const { paymentId } = await saga.step('charge card', payments.charge({ orderId, amount: total, cardToken }), {
      undo: payments.refund({ orderId }),
      timeout: '5s',
      deadline: '30s',
    });
    await saga.pivot('release', inventory.release({ orderId }));
    return { paymentId: paymentId.toUpperCase() };
  },
});

saga('patient', {
  input: z.object({ orderId: z.string() }),
  key: 'orderId',
  uses: { inventory: use(Inventory), payments: use(Payments) },
  waitsFor: [Payments.events.PaymentCaptured, Orders.events.OrderPlaced],
  async run({ orderId }, saga) {
    const { inventory, payments } = saga.use;
    const { payment, reserved } = await saga.parallel({
      payment: saga.step('charge', payments.charge({ orderId, amount: 1, cardToken: '' }), { undo: 'nothing' }),
      reserved: saga.step('reserve', inventory.reserve({ orderId, lines: [] }), { undo: 'nothing' }),
    });
    payment.paymentId.toUpperCase();
    reserved satisfies void;
    await saga.sleep('a day', '1d');
    const captured = await saga.waitFor('captured', Payments.events.PaymentCaptured, { key: orderId, timeout: '7d' });
    // @ts-expect-error it may not have arrived in time
    captured.paymentId;
    const placed = await saga.waitFor('placed', Orders.events.OrderPlaced, { key: orderId, timeout: '1h' });
    placed?.total.toFixed();
    return captured?.paymentId.toUpperCase();
  },
});

interface OrderTables {
  orders: { order_id: string; customer_id: string; status: 'pending' | 'paid' };
}
service(Orders, { store: sql<OrderTables>({ migrations: {} }), uses: { catalog: use(Catalog), inventory: use(Inventory) } }).implement({
  commands: {
    place: prepared({
      async prepare({ lines }, { use }) {
        const quote = await use.catalog.quote.try({ lines });
        if (!quote.ok) {
          quote.error satisfies 'Unknown';
          quote.data.sku.toUpperCase();
          return { total: 0 };
        }
        return quote.value;
      },
      async run({ lines, cardToken }, ctx, quote) {
        const orderId = ctx.id('ord');
        const customerId = ctx.caller.subject;
        if (customerId === 'blocked') throw ctx.fail.CustomerBlocked({});
        await ctx.db.insertInto('orders').values({ order_id: orderId, customer_id: customerId, status: 'pending' }).execute();
        ctx.emit.OrderPlaced({ orderId, customerId, total: quote.total });
        ctx.start(fulfilOrder, { orderId, lines, total: quote.total, cardToken });
        ctx.send(Payments.commands.refund, { orderId }, { after: '1h' });
        return { orderId };
      },
    }),
  },
  queries: {
    async get({ orderId }, { db, use, fail }) {
      for await (const stock of use.inventory.watch({ sku: 'x' })) stock.available.toFixed();
      const row = await db
        .selectFrom('orders')
        .select(['order_id as orderId', 'status'])
        .where('order_id', '=', orderId)
        .executeTakeFirst();
      if (!row) throw fail.NotFound({ orderId });
      return row;
    },
  },
  reactions: (on) => [
    on(SagaNeedsAttention.of('payments'), ({ saga, key, step, reason }, { log }) => {
      log.warn({ saga, key, step: step?.toUpperCase() }, reason.toUpperCase());
    }),
    on(Payments.events.PaymentCaptured, async ({ orderId, paymentId }, { db, event }) => {
      paymentId.toUpperCase();
      event.id.toUpperCase();
      await db.updateTable('orders').set({ status: 'paid' }).where('order_id', '=', orderId).execute();
    }),
    on(Payments.events.PaymentCaptured, ({ paymentId }) => void paymentId.toUpperCase(), {
      subscription: 'ledger',
      poison: 'halt',
      attempts: 3,
    }),
    // @ts-expect-error there is no such policy
    on(Payments.events.PaymentCaptured, () => {}, { poison: 'retry' }),
  ],
  schedules: (every, cron) => [
    every('30s', 'look', async ({ db, emit, schedule }) => {
      schedule.due.toISOString();
      await db.deleteFrom('orders').where('status', '=', 'pending').execute();
      emit.OrderPlaced({ orderId: '', customerId: '', total: 1 });
    }),
    cron('0 3 * * *', 'report', ({ log, schedule }) => log.info({}, schedule.name.toUpperCase()), { timezone: 'Europe/Berlin' }),
    // @ts-expect-error a duration has a unit
    every('30', 'often', () => {}),
    // @ts-expect-error a schedule calls no service inside its transaction
    cron('0 3 * * *', 'call', ({ use }) => use),
  ],
  sagas: [fulfilOrder],
});

interface PaymentTables {
  payments: { payment_id: string; order_id: string; status: string };
}
service(Payments, {
  store: sql<PaymentTables>({ migrations: {} }),
  uses: { provider: external('payment-provider', { url: 'http://127.0.0.1:3900', timeout: '3s', bulkhead: 10 }) },
}).implement({
  commands: {
    charge: effect({
      request: z.object({ orderId: z.string(), amount: z.int(), cardToken: z.string() }),
      outcome: z.object({ chargeId: z.string() }),
      async intend(input, ctx) {
        await ctx.db
          .insertInto('payments')
          .values({ payment_id: ctx.id('pay'), order_id: input.orderId, status: 'requested' })
          .execute();
        return input;
      },
      async perform(request, { use, key, fail }) {
        if (request.amount < 0) throw fail.Declined({ reason: 'amount' });
        const answer = await use.provider.fetch('/charges', {
          method: 'POST',
          headers: { 'idempotency-key': key },
          body: JSON.stringify({ amount: request.amount }),
        });
        return (await answer.json()) as { chargeId: string };
      },
      lookup: async () => undefined,
      quiet: '10s',
      reject: async (_error, { db }, { orderId }) =>
        void (await db.updateTable('payments').set({ status: 'declined' }).where('order_id', '=', orderId).execute()),
      async record(outcome, ctx, request) {
        ctx.emit.PaymentCaptured({ orderId: request.orderId, paymentId: outcome.chargeId });
        return { paymentId: outcome.chargeId };
      },
    }),
    async refund({ orderId }, { db, undoing }) {
      undoing?.reason.toUpperCase();
      await db.updateTable('payments').set({ status: 'refunded' }).where('order_id', '=', orderId).execute();
    },
  },
});

gateway('web', { routes: [expose(Orders, { operations: { place: { scope: 'orders:write' }, get: { access: 'public' } } })] });

// A fallback's type joins that of the answer, whether it is a value or made of the error.
const Window = contract('window', { queries: { show: query({ input: z.object({}), output: z.object({}) }) } });
service(Window, { store: sql<{}>({ migrations: {} }), uses: { catalog: use(Catalog, { breaker: { openFor: '5s' } }) } }).implement({
  queries: {
    show: async (_, { use }) => {
      const quote = await use.catalog.quote({ lines: [] }, { fallback: null });
      quote?.total.toFixed();
      // @ts-expect-error it may be the fallback
      quote.total.toFixed();
      const told = await use.catalog.quote({ lines: [] }, { fallback: ({ code }) => code });
      if (typeof told === 'string') told satisfies string;
      else told.total.toFixed();
      return {};
    },
  },
});

// ---- What must not compile --------------------------------------------------------------------------------------------

// @ts-expect-error handlers are required
service(Orders).implement({});
service(Orders, { store: sql<OrderTables>({ migrations: {} }), uses: { catalog: use(Catalog) } }).implement({
  commands: {
    place: async (_, ctx) => {
      // @ts-expect-error no call to another service inside the transaction
      ctx.use.catalog;
      // @ts-expect-error the payload of an event is checked
      ctx.emit.OrderPlaced({ orderId: 1 });
      // @ts-expect-error a service emits only its own events
      ctx.emit.PaymentCaptured({ orderId: '1', paymentId: '2' });
      // @ts-expect-error tables are typed
      ctx.db.insertInto('payments');
      // @ts-expect-error a failure must be declared
      ctx.fail.OutOfStock({});
      // @ts-expect-error the input of a saga is checked
      ctx.start(fulfilOrder, { orderId: '1' });
      // @ts-expect-error a query is not sent
      ctx.send(Catalog.queries.quote, { lines: [] });
      return { orderId: '' };
    },
  },
  queries: {
    get: async (_, { db }) => {
      // @ts-expect-error a query does not write
      db.deleteFrom('orders');
      return { orderId: '1', status: 'paid' as const };
    },
  },
});
service(Orders).implement({
  // @ts-expect-error the answer is checked
  commands: { place: async () => ({ orderId: 1 }) },
  queries: { get: async () => ({ orderId: '1', status: 'paid' as const }) },
});
saga('wrong', {
  input: z.object({ orderId: z.string() }),
  key: 'orderId',
  uses: { inventory: use(Inventory), payments: use(Payments) },
  async run({ orderId }, saga) {
    const { inventory, payments } = saga.use;
    // @ts-expect-error a call is data: awaited, it does nothing
    await inventory.reserve({ orderId, lines: [] });
    // @ts-expect-error branches are promises of steps
    await saga.parallel({ a: inventory.reserve({ orderId, lines: [] }) });
    // @ts-expect-error a step says how it is undone
    await saga.step('reserve', inventory.reserve({ orderId, lines: [] }), {});
    // @ts-expect-error it is undone in the service that did it
    await saga.step('charge', payments.charge({ orderId, amount: 1, cardToken: '' }), { undo: inventory.release({ orderId }) });
    // @ts-expect-error a query is not a step
    await saga.pivot('look', inventory.watch({ sku: '' }));
    // @ts-expect-error an undo has no answer
    await saga.step('again', payments.refund({ orderId }), { undo: payments.charge({ orderId, amount: 1, cardToken: '' }) });
    // @ts-expect-error a saga has no database
    saga.db;
    // @ts-expect-error it waits only for what `waitsFor` names
    await saga.waitFor('captured', Payments.events.PaymentCaptured, { key: orderId, timeout: '1h' });
    // @ts-expect-error branches are promises
    await saga.parallel({ reserve: inventory.reserve({ orderId, lines: [] }) });
    // @ts-expect-error a duration has a unit
    await saga.sleep('a while', '30');
  },
});
saga('particular', {
  input: z.object({ orderId: z.string() }),
  key: 'orderId',
  uses: {},
  waitsFor: [Payments.events.PaymentCaptured],
  async run({ orderId }, saga) {
    // @ts-expect-error another event than `waitsFor` names
    await saga.waitFor('placed', Orders.events.OrderPlaced, { key: orderId, timeout: '1h' });
    // @ts-expect-error a wait has an end
    await saga.waitFor('captured', Payments.events.PaymentCaptured, { key: orderId });
  },
});
// @ts-expect-error the key is a field of the input
saga('keyless', { input: z.object({ orderId: z.string() }), key: 'id', uses: {}, run: async () => {} });
// @ts-expect-error the key of an event is one of its fields
event(z.object({ orderId: z.string() }), { key: 'id' });
event(z.object({ orderId: z.string() }), { key: 'orderId', version: 2, upcast: { 1: ({ id }: { id: string }) => ({ orderId: id }) } });
// @ts-expect-error a step is a function
event(z.object({ orderId: z.string() }), { key: 'orderId', version: 2, upcast: { 1: { orderId: '' } } });
// @ts-expect-error an operation that the contract does not have cannot be exposed
expose(Orders, { operations: { steal: { access: 'public' } } });
// @ts-expect-error access must be said
expose(Orders, { operations: { get: {} } });
// @ts-expect-error a duration has a unit
use(Catalog, { timeout: '30' });
// @ts-expect-error a breaker has no other setting
use(Catalog, { breaker: { failures: 3 } });
