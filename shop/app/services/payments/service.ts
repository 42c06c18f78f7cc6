import { DeclaredError, effect, external, service, sql } from 'ramet';
import { z } from 'zod';
import { Inventory } from '../inventory/contract.ts';
import { Preorders } from '../preorders/contract.ts';
import { Returns } from '../returns/contract.ts';
import { Payments } from './contract.ts';
import { chargeFound, chargeVerdict, partRefundVerdict, refundFound, refundVerdict, type Verdict } from './domain.ts';
import { allow, fallDue, isRevoked, revoke } from './mandates.ts';
import type { Tables } from './tables.ts';

const PROVIDER = `http://127.0.0.1:${process.env.PROVIDER_PORT || 3900}`;

export default service(Payments, {
  store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }),
  // An order waits 30 s for its charge: a circuit that stayed open as long would end every one that met it.
  uses: { provider: external('payment-provider', { url: PROVIDER, timeout: '3s', bulkhead: 10, breaker: { openFor: '5s' } }) },
}).implement({
  commands: {
    charge: effect({
      request: Payments.commands.charge.input,
      outcome: z.object({ chargeId: z.string() }),
      quiet: '10s',
      async intend(input, { db, id, fail }) {
        const { orderId, amount } = input;
        if (await isRevoked({ db }, orderId)) throw fail.Declined({ reason: 'revoked' });
        await db
          .insertInto('payments')
          .values({ order_id: orderId, payment_id: id('pay'), amount, status: 'requested', charge_id: null, refunded: 0, queued: 0 })
          .execute();
        return input;
      },
      async perform({ orderId, amount, cardToken }, { use, key, fail }) {
        const answer = await use.provider.fetch('/charges', post(key, { token: cardToken, amount, reference: orderId }));
        const verdict = chargeVerdict(answer.status, await bodyOf(answer));
        if (verdict.kind === 'refused') throw fail.Declined({ reason: verdict.reason });
        return done(verdict);
      },
      async lookup(_, { use, key, fail }) {
        const answer = await use.provider.fetch(`/charges/by-key/${encodeURIComponent(key)}`);
        const verdict = chargeFound(answer.status, await bodyOf(answer));
        if (verdict.kind === 'refused') throw fail.Declined({ reason: verdict.reason });
        return verdict.kind === 'absent' ? undefined : done(verdict);
      },
      async record({ chargeId }, { db, emit, send }, { orderId }) {
        if (await isRevoked({ db }, orderId)) send(Payments.commands.refund, { orderId });
        const { payment_id: paymentId, amount } = await db
          .updateTable('payments')
          .set({ status: 'captured', charge_id: chargeId })
          .where('order_id', '=', orderId)
          .returning(['payment_id', 'amount'])
          .executeTakeFirstOrThrow();
        emit.PaymentCaptured({ orderId, paymentId, amount });
        return { paymentId };
      },
      async queued({ code }, { db, emit }, { orderId }) {
        // A place in the bulkhead is a matter of moments: nothing to tell a customer.
        if (code === 'BulkheadFull') return;
        const news = await db
          .updateTable('payments')
          .set({ queued: 1 })
          .where('order_id', '=', orderId)
          .where('queued', '=', 0)
          .returning('order_id')
          .executeTakeFirst();
        if (news) emit.PaymentQueued({ orderId });
      },
      async reject(error, { db, emit }, { orderId }) {
        await db.updateTable('payments').set({ status: 'declined' }).where('order_id', '=', orderId).execute();
        emit.PaymentDeclined({ orderId, reason: reasonOf(error) });
      },
    }),

    refund: effect({
      request: z.object({ orderId: z.string(), chargeId: z.string() }),
      outcome: z.object({ refundId: z.string() }),
      quiet: '10s',
      async intend({ orderId }, { db }) {
        const payment = await db.selectFrom('payments').select('charge_id').where('order_id', '=', orderId).executeTakeFirst();
        if (!payment?.charge_id) throw new Error(`order '${orderId}' has no captured payment to refund`);
        return { orderId, chargeId: payment.charge_id };
      },
      async perform({ chargeId }, { use, key }) {
        const answer = await use.provider.fetch(`/charges/${encodeURIComponent(chargeId)}/refunds`, post(key, {}));
        return done(refundVerdict(answer.status, await bodyOf(answer)));
      },
      async lookup(_, { use, key }) {
        const answer = await use.provider.fetch(`/refunds/by-key/${encodeURIComponent(key)}`);
        const verdict = refundFound(answer.status, await bodyOf(answer));
        return verdict.kind === 'absent' ? undefined : done(verdict);
      },
      async record(_, { db, emit }, { orderId }) {
        const payment = await db
          .updateTable('payments')
          .set((eb) => ({ status: 'refunded', refunded: eb.ref('amount') }))
          .where('order_id', '=', orderId)
          .where('status', '=', 'captured')
          .returning(['payment_id as paymentId', 'amount'])
          .executeTakeFirst();
        if (payment) emit.PaymentRefunded({ orderId, ...payment });
      },
    }),

    mandate: ({ orderId, amount, cardToken }, ctx) => allow(ctx, orderId, amount, cardToken),

    refundPart: effect({
      request: z.object({ returnId: z.string(), orderId: z.string(), amount: z.int(), chargeId: z.string() }),
      outcome: z.object({ refundId: z.string() }),
      quiet: '10s',
      async intend({ returnId }, { db }) {
        const { orderId, amount, chargeId } = await db
          .selectFrom('part_refunds')
          .innerJoin('payments', 'payments.order_id', 'part_refunds.order_id')
          .select(['part_refunds.order_id as orderId', 'part_refunds.amount', 'charge_id as chargeId'])
          .where('return_id', '=', returnId)
          .executeTakeFirstOrThrow();
        if (chargeId === null) throw new Error(`order '${orderId}' has no captured payment to refund`);
        return { returnId, orderId, amount, chargeId };
      },
      async perform({ chargeId, amount }, { use, key, fail }) {
        const answer = await use.provider.fetch(`/charges/${encodeURIComponent(chargeId)}/refunds`, post(key, { amount }));
        const verdict = partRefundVerdict(answer.status, await bodyOf(answer));
        if (verdict.kind === 'refused') throw fail.RefundRefused({ reason: verdict.reason });
        return done(verdict);
      },
      async lookup(_, { use, key }) {
        const answer = await use.provider.fetch(`/refunds/by-key/${encodeURIComponent(key)}`);
        const verdict = refundFound(answer.status, await bodyOf(answer));
        return verdict.kind === 'absent' ? undefined : done(verdict);
      },
      async record(_, { db, emit }, { returnId, orderId, amount }) {
        await db.updateTable('part_refunds').set({ status: 'refunded' }).where('return_id', '=', returnId).execute();
        await db
          .updateTable('payments')
          .set((eb) => ({ refunded: eb('refunded', '+', amount) }))
          .where('order_id', '=', orderId)
          .execute();
        emit.PartRefunded({ returnId, orderId, amount });
      },
      async reject(error, { db, emit }, { returnId, orderId }) {
        await db.updateTable('part_refunds').set({ status: 'refused' }).where('return_id', '=', returnId).execute();
        emit.RefundRefused({ returnId, orderId, reason: reasonOf(error) });
      },
    }),
  },

  queries: {
    async status({ orderId }, { db, fail }) {
      const payment = await db
        .selectFrom('payments')
        .select(['order_id as orderId', 'payment_id as paymentId', 'amount', 'status', 'refunded'])
        .where('order_id', '=', orderId)
        .executeTakeFirst();
      if (!payment) throw fail.NotFound({ orderId });
      return payment;
    },
  },

  reactions: (on) => [
    on(Inventory.events.StockAllocated, ({ preorderId }, ctx) => fallDue(ctx, preorderId)),
    on(Preorders.events.PreorderCancelled, ({ preorderId }, ctx) => revoke(ctx, preorderId)),
    // A reaction must not wait for the provider: it writes down what is owed, and sends itself the effect.
    on(Returns.events.ReturnReceived, async ({ returnId, orderId, amount }, ctx) => {
      const owed = await ctx.db
        .insertInto('part_refunds')
        .values({ return_id: returnId, order_id: orderId, amount, status: 'requested' })
        .onConflict((conflict) => conflict.column('return_id').doNothing())
        .returning('return_id')
        .executeTakeFirst();
      if (owed) ctx.send(Payments.commands.refundPart, { returnId });
    }),
  ],
});

/** Why something did not happen: the provider's word, or what the engine says of an effect that was given up. */
function reasonOf(error: Error): string {
  const { reason } = (error instanceof DeclaredError ? error.data : {}) as { reason?: string };
  return reason ?? error.message;
}

const post = (key: string, body: object) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', 'idempotency-key': key },
  body: JSON.stringify(body),
});

/** The JSON of an answer, or undefined when it has none: a proxy's error page is not an answer of the provider. */
const bodyOf = (answer: Response): Promise<unknown> => answer.json().catch(() => undefined);

/** What was done; whatever else the provider said leaves it open, and it is asked again. */
function done<Done>(verdict: Verdict<Done>): Done {
  if (verdict.kind === 'done') return verdict;
  throw new Error(`the payment provider gave no definite answer (${verdict.kind === 'unknown' ? verdict.detail : verdict.kind})`);
}
