import { DeclaredError, effect, external, service, sql } from 'ramet';
import { z } from 'zod';
import { Payments } from './contract.ts';
import { chargeFound, chargeVerdict, refundFound, refundVerdict, type Verdict } from './domain.ts';

interface Tables {
  payments: {
    order_id: string;
    payment_id: string;
    amount: number;
    status: 'requested' | 'captured' | 'declined' | 'refunded';
    charge_id: string | null;
  };
}

const PROVIDER = `http://127.0.0.1:${process.env.PROVIDER_PORT || 3900}`;

export default service(Payments, {
  store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }),
  uses: { provider: external('payment-provider', { url: PROVIDER, timeout: '3s', bulkhead: 10 }) },
}).implement({
  commands: {
    charge: effect({
      request: Payments.commands.charge.input,
      outcome: z.object({ chargeId: z.string() }),
      quiet: '10s',
      async intend(input, { db, id }) {
        await db
          .insertInto('payments')
          .values({ order_id: input.orderId, payment_id: id('pay'), amount: input.amount, status: 'requested', charge_id: null })
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
      async record({ chargeId }, { db, emit }, { orderId }) {
        const { payment_id: paymentId, amount } = await db
          .updateTable('payments')
          .set({ status: 'captured', charge_id: chargeId })
          .where('order_id', '=', orderId)
          .returning(['payment_id', 'amount'])
          .executeTakeFirstOrThrow();
        emit.PaymentCaptured({ orderId, paymentId, amount });
        return { paymentId };
      },
      async reject(error, { db, emit }, { orderId }) {
        await db.updateTable('payments').set({ status: 'declined' }).where('order_id', '=', orderId).execute();
        const { reason } = (error instanceof DeclaredError ? error.data : {}) as { reason?: string };
        emit.PaymentDeclined({ orderId, reason: reason ?? error.message });
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
          .set({ status: 'refunded' })
          .where('order_id', '=', orderId)
          .where('status', '=', 'captured')
          .returning(['payment_id as paymentId', 'amount'])
          .executeTakeFirst();
        if (payment) emit.PaymentRefunded({ orderId, ...payment });
      },
    }),
  },

  queries: {
    async status({ orderId }, { db, fail }) {
      const payment = await db
        .selectFrom('payments')
        .select(['order_id as orderId', 'payment_id as paymentId', 'amount', 'status'])
        .where('order_id', '=', orderId)
        .executeTakeFirst();
      if (!payment) throw fail.NotFound({ orderId });
      return payment;
    },
  },
});

const post = (key: string, body: object) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json', 'idempotency-key': key },
  body: JSON.stringify(body),
});

/** The JSON of an answer, or undefined when it has none: a proxy's error page is no answer of the provider. */
const bodyOf = (answer: Response): Promise<unknown> => answer.json().catch(() => undefined);

/** What was done; whatever else the provider said leaves it open, and it is asked again. */
function done<Done>(verdict: Verdict<Done>): Done {
  if (verdict.kind === 'done') return verdict;
  throw new Error(`the payment provider gave no definite answer (${verdict.kind === 'unknown' ? verdict.detail : verdict.kind})`);
}
