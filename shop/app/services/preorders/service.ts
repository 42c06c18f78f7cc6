import { type Caller, followHistory, prepared, RametError, service, sql, use } from 'ramet';
import { Catalog } from '../catalog/contract.ts';
import { Inventory } from '../inventory/contract.ts';
import { Payments } from '../payments/contract.ts';
import { Users } from '../users/contract.ts';
import { Preorders } from './contract.ts';
import { CANCELLED_BY_CUSTOMER, declined, isSettled } from './domain.ts';
import { learn, type Tables } from './journey.ts';

export default service(Preorders, {
  store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }),
  uses: { catalog: use(Catalog, { timeout: '2s' }), users: use(Users, { timeout: '2s' }), payments: use(Payments) },
}).implement({
  commands: {
    place: prepared({
      async prepare({ sku, quantity }, { caller, use, fail }) {
        const customerId = customerOf(caller);
        const [quote, standing] = await Promise.all([
          use.catalog.quote.try({ lines: [{ sku, quantity }] }),
          use.users.standing.try({ customerId }),
        ]);
        if (!standing.ok) throw new RametError('Forbidden', 'the account of this token does not exist');
        if (standing.value.blocked) throw fail.CustomerBlocked({});
        if (!quote.ok) throw fail.UnknownProduct(quote.data);
        const [line] = quote.value.lines;
        if (!line) throw new Error(`the catalog quotes nothing for ${sku}`);
        return line;
      },
      async run({ sku, quantity, cardToken }, ctx, { name, price }) {
        const preorderId = ctx.id('pre');
        const customerId = customerOf(ctx.caller);
        const at = ctx.now().toISOString();
        await ctx.db
          .insertInto('preorders')
          .values({
            preorder_id: preorderId,
            customer_id: customerId,
            status: 'waiting',
            reason: null,
            sku,
            name,
            price,
            quantity,
            placed_at: at,
            entries: 1,
          })
          .execute();
        await ctx.db
          .insertInto('preorder_history')
          .values({ preorder_id: preorderId, seq: 1, at, status: 'waiting', what: 'placed' })
          .execute();
        const total = price * quantity;
        ctx.emit.PreorderPlaced({ preorderId, customerId, sku, name, quantity, total });
        // Events are kept and read by many: the card's token goes to payments only.
        ctx.send(Payments.commands.mandate, { orderId: preorderId, amount: total, cardToken });
        return { preorderId };
      },
    }),

    async cancel({ preorderId }, ctx) {
      const preorder = await ctx.db
        .selectFrom('preorders')
        .select(['customer_id', 'status'])
        .where('preorder_id', '=', preorderId)
        .forUpdate()
        .executeTakeFirst();
      if (!preorder || !owns(ctx.caller, preorder)) throw ctx.fail.NotFound({ preorderId });
      if (preorder.status === 'confirmed') throw ctx.fail.TooLate({ status: preorder.status });
      await learn(ctx, preorderId, 'cancelled by the customer', CANCELLED_BY_CUSTOMER);
      return { preorderId };
    },
  },

  queries: {
    async get({ preorderId }, { db, caller, fail }) {
      const rows = await db
        .selectFrom('preorders')
        .innerJoin('preorder_history', 'preorder_history.preorder_id', 'preorders.preorder_id')
        .select(['customer_id', 'preorders.status', 'reason', 'sku', 'name', 'price', 'quantity', 'at', 'what'])
        .where('preorders.preorder_id', '=', preorderId)
        .orderBy('seq')
        .execute();
      const [preorder] = rows;
      if (!preorder || !owns(caller, preorder)) throw fail.NotFound({ preorderId });
      const { status, reason, sku, name, price, quantity } = preorder;
      const history = rows.map(({ at, what }) => ({ at, what }));
      return { preorderId, status, reason: reason ?? undefined, sku, name, price, quantity, total: price * quantity, history };
    },

    async list({ limit, cursor }, { db, caller }) {
      let found = db
        .selectFrom('preorders')
        .select(['preorder_id as preorderId', 'status', 'sku', 'name', 'price', 'quantity', 'placed_at as placedAt', 'reason'])
        .where('customer_id', '=', customerOf(caller))
        .orderBy('preorder_id', 'desc')
        .limit(limit + 1);
      if (cursor !== undefined) found = found.where('preorder_id', '<', cursor);
      const rows = await found.execute();
      const items = rows
        .slice(0, limit)
        .map(({ price, reason, ...row }) => ({ ...row, total: price * row.quantity, reason: reason ?? undefined }));
      const last = items.at(-1);
      return rows.length > limit && last ? { items, next: last.preorderId } : { items };
    },

    async *watch({ preorderId }, { db, caller, fail, changes }) {
      const change = changes(preorderId);
      const preorder = await db.selectFrom('preorders').select('customer_id').where('preorder_id', '=', preorderId).executeTakeFirst();
      if (!preorder || !owns(caller, preorder)) throw fail.NotFound({ preorderId });
      const historyAfter = (seq: number) =>
        db
          .selectFrom('preorder_history')
          .select(['seq', 'status', 'what', 'at'])
          .where('preorder_id', '=', preorderId)
          .where('seq', '>', seq)
          .orderBy('seq')
          .execute();
      yield* followHistory(change, historyAfter, ({ status }) => isSettled(status));
    },
  },

  gauges: {
    waiting_preorders_total: {
      description: 'Pre-orders whose goods have not arrived',
      read: async ({ db }) =>
        Number(
          (
            await db
              .selectFrom('preorders')
              .select((of) => of.fn.countAll().as('n'))
              .where('status', '=', 'waiting')
              .executeTakeFirstOrThrow()
          ).n,
        ),
    },
  },

  // Payments calls what is paid for an order, whichever of ours it is.
  reactions: (on) => [
    on(Inventory.events.StockAllocated, ({ preorderId }, ctx) => learn(ctx, preorderId, 'allocated')),
    on(Payments.events.PaymentCaptured, ({ orderId }, ctx) => learn(ctx, orderId, 'paid')),
    on(Payments.events.PaymentDeclined, ({ orderId, reason }, ctx) => learn(ctx, orderId, 'declined', declined(reason))),
    on(Payments.events.PaymentRefunded, ({ orderId }, ctx) => learn(ctx, orderId, 'refunded')),
  ],
});

function customerOf(caller: Caller): string {
  if (caller.kind !== 'user') throw new RametError('Forbidden', 'only a customer has pre-orders');
  return caller.subject;
}

const owns = (caller: Caller, preorder: { customer_id: string }): boolean =>
  caller.kind === 'user' && caller.subject === preorder.customer_id;
