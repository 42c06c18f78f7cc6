import { type Caller, followHistory, prepared, RametError, type ReadContext, service, sql, use } from 'ramet';
import { Catalog } from '../catalog/contract.ts';
import { Inventory } from '../inventory/contract.ts';
import { Payments } from '../payments/contract.ts';
import { Returns } from '../returns/contract.ts';
import { Shipping } from '../shipping/contract.ts';
import { Users } from '../users/contract.ts';
import { Orders } from './contract.ts';
import { CANCELLED_BY_CUSTOMER, HISTORY, merged, reasonShown } from './domain.ts';
import { fulfilOrder } from './fulfil-order.ts';
import { cancel, confirm, progress, type Tables } from './journey.ts';
import { judge, withdraw } from './returning.ts';

export default service(Orders, {
  store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }),
  uses: { catalog: use(Catalog, { timeout: '2s' }), users: use(Users, { timeout: '2s' }) },
}).implement({
  commands: {
    place: prepared({
      async prepare({ lines }, { caller, use, fail }) {
        const customerId = customerOf(caller);
        const [quote, standing] = await Promise.all([
          use.catalog.quote.try({ lines: merged(lines) }),
          use.users.standing.try({ customerId }),
        ]);
        if (!standing.ok) throw new RametError('Forbidden', 'the account of this token does not exist');
        if (standing.value.blocked) throw fail.CustomerBlocked({});
        if (!quote.ok) throw fail.UnknownProduct(quote.data);
        return quote.value;
      },
      async run({ cardToken, shipTo }, ctx, { lines, total }) {
        const orderId = ctx.id('ord');
        const customerId = customerOf(ctx.caller);
        const at = ctx.now().toISOString();
        await ctx.db
          .insertInto('orders')
          .values({
            order_id: orderId,
            customer_id: customerId,
            status: 'pending',
            reason: null,
            total,
            lines: JSON.stringify(lines),
            placed_at: at,
            cancel_requested: 0,
            entries: 1,
          })
          .execute();
        await ctx.db
          .insertInto('order_history')
          .values({ order_id: orderId, seq: 1, at, status: 'pending', what: HISTORY.placed })
          .execute();
        ctx.emit.OrderPlaced({ orderId, customerId, lines, total, at });
        ctx.start(fulfilOrder, { orderId, customerId, lines, total, cardToken, shipTo });
        return { orderId };
      },
    }),

    async requestCancel({ orderId }, ctx) {
      const order = await ctx.db
        .selectFrom('orders')
        .select(['customer_id', 'status', 'cancel_requested'])
        .where('order_id', '=', orderId)
        .forUpdate()
        .executeTakeFirst();
      if (!order || !owns(ctx.caller, order)) throw ctx.fail.NotFound({ orderId });
      if (order.status === 'cancelled') return { orderId };
      if ((await ctx.cancel(fulfilOrder, orderId, CANCELLED_BY_CUSTOMER)) === 'refused') throw ctx.fail.TooLate({ status: order.status });
      if (order.cancel_requested === 0) await progress(ctx, orderId, HISTORY.cancelRequested, { cancel_requested: 1 });
      return { orderId };
    },

    accept: ({ orderId }, ctx) => progress(ctx, orderId, HISTORY.accepted),
    confirm: ({ orderId }, ctx) => confirm(ctx, orderId),
    cancel: ({ orderId }, ctx) => cancel(ctx, orderId, reasonShown(ctx.undoing?.reason ?? '')),
  },

  queries: {
    async get({ orderId, wait }, { db, caller, fail, changes, now }) {
      const untilMs = now().getTime() + wait * 1_000;
      // Followed from before the first look, so that no change falls between looking and waiting.
      const change = wait > 0 ? changes(orderId) : undefined;
      for (let more = true; ; ) {
        const order = await read(db, orderId);
        if (!order || !owns(caller, order)) throw fail.NotFound({ orderId });
        if (order.status !== 'pending' || !change || !more || now().getTime() >= untilMs) return order;
        more = await change.next();
      }
    },

    async list({ status, limit, cursor }, { db, caller }) {
      let found = db
        .selectFrom('orders')
        .select(['order_id as orderId', 'status', 'total', 'placed_at as placedAt', 'reason', 'lines'])
        .where('customer_id', '=', customerOf(caller))
        .orderBy('order_id', 'desc')
        .limit(limit + 1);
      if (status !== undefined) found = found.where('status', '=', status);
      if (cursor !== undefined) found = found.where('order_id', '<', cursor);
      const rows = await found.execute();
      const items = rows.slice(0, limit).map(({ lines, ...row }) => {
        const [first, ...further] = JSON.parse(lines);
        return { ...row, reason: row.reason ?? undefined, first, further: further.length };
      });
      const last = items.at(-1);
      return rows.length > limit && last ? { items, next: last.orderId } : { items };
    },

    async *watch({ orderId }, { db, caller, fail, changes }) {
      const change = changes(orderId);
      const order = await db.selectFrom('orders').select('customer_id').where('order_id', '=', orderId).executeTakeFirst();
      if (!order || !owns(caller, order)) throw fail.NotFound({ orderId });
      const historyAfter = (seq: number) =>
        db
          .selectFrom('order_history')
          .select(['seq', 'status', 'what', 'at'])
          .where('order_id', '=', orderId)
          .where('seq', '>', seq)
          .orderBy('seq')
          .execute();
      yield* followHistory(change, historyAfter, ({ status }) => status !== 'pending');
    },
  },

  gauges: {
    active_orders_total: {
      description: 'Orders that are neither confirmed nor cancelled',
      read: async ({ db }) =>
        Number(
          (
            await db
              .selectFrom('orders')
              .select((of) => of.fn.countAll().as('n'))
              .where('status', '=', 'pending')
              .executeTakeFirstOrThrow()
          ).n,
        ),
    },
  },

  reactions: (on) => [
    on(Inventory.events.StockReserved, ({ orderId }, ctx) => progress(ctx, orderId, HISTORY.stockReserved)),
    on(Inventory.events.StockReleased, ({ orderId }, ctx) => progress(ctx, orderId, HISTORY.stockReleased)),
    on(Payments.events.PaymentQueued, ({ orderId }, ctx) => progress(ctx, orderId, HISTORY.paymentQueued)),
    on(Payments.events.PaymentCaptured, ({ orderId }, ctx) => progress(ctx, orderId, HISTORY.paymentCaptured)),
    on(Payments.events.PaymentDeclined, ({ orderId }, ctx) => progress(ctx, orderId, HISTORY.paymentDeclined)),
    on(Payments.events.PaymentRefunded, ({ orderId }, ctx) => progress(ctx, orderId, HISTORY.paymentRefunded)),
    on(Shipping.events.ShipmentBooked, ({ orderId }, ctx) => progress(ctx, orderId, HISTORY.shipmentBooked)),
    on(Shipping.events.ShipmentCancelled, ({ orderId }, ctx) => progress(ctx, orderId, HISTORY.shipmentCancelled)),
    on(Returns.events.ReturnRequested, (asked, ctx) => judge(ctx, asked)),
    on(Returns.events.ReturnRefused, ({ returnId }, ctx) => withdraw(ctx, returnId)),
  ],

  sagas: [fulfilOrder],
});

function customerOf(caller: Caller): string {
  if (caller.kind !== 'user') throw new RametError('Forbidden', 'only a customer has orders');
  return caller.subject;
}

const owns = (caller: Caller, order: { customer_id: string }): boolean => caller.kind === 'user' && caller.subject === order.customer_id;

/** An order with its history, in one statement: two would see two states. */
async function read(db: ReadContext<Tables, {}>['db'], orderId: string) {
  const rows = await db
    .selectFrom('orders')
    .innerJoin('order_history', 'order_history.order_id', 'orders.order_id')
    .select(['customer_id', 'orders.status', 'reason', 'total', 'lines', 'at', 'what'])
    .where('orders.order_id', '=', orderId)
    .orderBy('seq')
    .execute();
  const [order] = rows;
  return (
    order && {
      orderId,
      customer_id: order.customer_id,
      status: order.status,
      reason: order.reason ?? undefined,
      total: order.total,
      lines: JSON.parse(order.lines),
      history: rows.map(({ at, what }) => ({ at, what })),
    }
  );
}
