import { type Caller, followHistory, RametError, type ReadContext, service, sql } from 'ramet';
import { Inventory } from '../inventory/contract.ts';
import { Orders } from '../orders/contract.ts';
import { Payments } from '../payments/contract.ts';
import { Returns } from './contract.ts';
import { entryOf, isSettled, merged, refundObstacle, statusOf } from './domain.ts';
import { learn, type Tables } from './journey.ts';

export default service(Returns, { store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }) }).implement({
  commands: {
    // Whether it may be, only orders can tell: what is wrong with a return is an event, not an answer.
    async request({ orderId, lines: asked, reason }, ctx) {
      const returnId = ctx.id('ret');
      const customerId = customerOf(ctx.caller);
      const lines = asked && merged(asked);
      await ctx.db
        .insertInto('returns')
        .values({
          return_id: returnId,
          order_id: orderId,
          customer_id: customerId,
          because: reason,
          stage: 'requested',
          reason: null,
          refund: null,
          lines: JSON.stringify(lines ?? []),
          entries: 1,
          facts: 0,
        })
        .execute();
      const at = ctx.now().toISOString();
      const entry = { return_id: returnId, seq: 1, at, status: 'requested' as const, what: entryOf('requested', undefined) };
      await ctx.db.insertInto('return_history').values(entry).execute();
      ctx.emit.ReturnRequested({ returnId, orderId, customerId, reason, ...(lines ? { lines } : {}) });
      return { returnId };
    },
  },

  queries: {
    async get({ returnId }, { db, caller, fail }) {
      const [found] = await read(db, caller, { return_id: returnId });
      if (!found) throw fail.NotFound({ returnId });
      return found;
    },

    ofOrder: async ({ orderId }, { db, caller }) => ({ items: await read(db, caller, { order_id: orderId }) }),

    async *watch({ returnId }, { db, caller, fail, changes }) {
      const change = changes(returnId);
      const found = await db.selectFrom('returns').select('customer_id').where('return_id', '=', returnId).executeTakeFirst();
      if (!found || caller.kind !== 'user' || found.customer_id !== caller.subject) throw fail.NotFound({ returnId });
      const historyAfter = (seq: number) =>
        db
          .selectFrom('return_history')
          .select(['seq', 'status', 'what', 'at'])
          .where('return_id', '=', returnId)
          .where('seq', '>', seq)
          .orderBy('seq')
          .execute();
      yield* followHistory(change, historyAfter, ({ status }) => isSettled(status));
    },
  },

  reactions: (on) => [
    on(Orders.events.ReturnApproved, ({ returnId, lines, amount }, ctx) => learn(ctx, returnId, 'approved', { lines, amount })),
    on(Orders.events.ReturnDenied, ({ returnId, reason }, ctx) => learn(ctx, returnId, 'denied', { reason })),
    on(Inventory.events.GoodsReceived, ({ returnId }, ctx) => learn(ctx, returnId, 'received', {})),
    on(Inventory.events.GoodsRejected, ({ returnId, condition }, ctx) =>
      learn(ctx, returnId, 'rejected', { reason: `the goods came back ${condition}` }),
    ),
    on(Payments.events.PartRefunded, ({ returnId }, ctx) => learn(ctx, returnId, 'refunded', {})),
    on(Payments.events.RefundRefused, ({ returnId, reason }, ctx) =>
      learn(ctx, returnId, 'refund refused', { reason: refundObstacle(reason) }),
    ),
    on(Inventory.events.GoodsRestocked, ({ returnId }, ctx) => learn(ctx, returnId, 'restocked', {})),
  ],
});

function customerOf(caller: Caller): string {
  if (caller.kind !== 'user') throw new RametError('Forbidden', 'only a customer returns something');
  return caller.subject;
}

/** The caller's own returns with their histories, in one statement: two would see two states. */
async function read(db: ReadContext<Tables, {}>['db'], caller: Caller, which: { return_id: string } | { order_id: string }) {
  const [column, id] = Object.entries(which)[0] as ['return_id' | 'order_id', string];
  const rows = await db
    .selectFrom('returns')
    .innerJoin('return_history', 'return_history.return_id', 'returns.return_id')
    .select(['returns.return_id', 'order_id', 'stage', 'reason', 'refund', 'lines', 'because', 'at', 'what'])
    .where(`returns.${column}`, '=', id)
    .where('customer_id', '=', customerOf(caller))
    .orderBy('returns.return_id')
    .orderBy('seq')
    .execute();
  const first = new Map(rows.toReversed().map((row) => [row.return_id, row]));
  return [...first.values()].toReversed().map((row) => ({
    returnId: row.return_id,
    orderId: row.order_id,
    status: statusOf(row.stage),
    reason: row.reason ?? undefined,
    refund: row.refund ?? undefined,
    lines: JSON.parse(row.lines),
    because: row.because,
    history: rows.filter(({ return_id }) => return_id === row.return_id).map(({ at, what }) => ({ at, what })),
  }));
}
