import { command, contract, event, failure, query, secret } from 'ramet';
import { z } from 'zod';

const OrderRef = z.object({ orderId: z.string() });
const Paid = z.object({ orderId: z.string(), paymentId: z.string(), amount: z.int() });

/** One payment per order, taken by a provider that is not ours. */
export const Payments = contract('payments', {
  commands: {
    charge: command({
      input: z.object({ orderId: z.string(), amount: z.int().min(0), cardToken: secret(z.string()) }),
      output: z.object({ paymentId: z.string() }),
      errors: { Declined: failure(402, z.object({ reason: z.string() })) },
    }),
    refund: command({ input: OrderRef }),
  },
  queries: {
    status: query({
      input: OrderRef,
      output: Paid.extend({ status: z.enum(['requested', 'captured', 'declined', 'refunded']) }),
      errors: { NotFound: failure(404, OrderRef) },
    }),
  },
  events: {
    PaymentCaptured: event(Paid, { key: 'orderId' }),
    PaymentDeclined: event(z.object({ orderId: z.string(), reason: z.string() }), { key: 'orderId' }),
    PaymentRefunded: event(Paid, { key: 'orderId' }),
  },
});
