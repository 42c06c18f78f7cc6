import { command, contract, event, failure, query, secret } from 'ramet';
import { z } from 'zod';

const OrderRef = z.object({ orderId: z.string() });
const Paid = z.object({ orderId: z.string(), paymentId: z.string(), amount: z.int() });

/** One payment per order, taken by a provider that is not ours. To payments a pre-order is an order too: something to be paid once. */
export const Payments = contract('payments', {
  commands: {
    charge: command({
      input: z.object({ orderId: z.string(), amount: z.int().min(0), cardToken: secret(z.string()) }),
      output: z.object({ paymentId: z.string() }),
      errors: { Declined: failure(402, z.object({ reason: z.string() })) },
    }),
    refund: command({ input: OrderRef }),
    /** A customer allows a charge later on: when the pre-order that it is for can be had. */
    mandate: command({ input: z.object({ orderId: z.string(), amount: z.int().min(1), cardToken: secret(z.string()) }) }),
    /** Gives back a part of what was paid: what a return is worth. */
    refundPart: command({
      input: z.object({ returnId: z.string() }),
      errors: { RefundRefused: failure(409, z.object({ reason: z.string() })) },
    }),
  },
  queries: {
    status: query({
      input: OrderRef,
      /** `refunded`: how much of the amount went back. */
      output: Paid.extend({ refunded: z.int(), status: z.enum(['requested', 'captured', 'declined', 'refunded']) }),
      errors: { NotFound: failure(404, OrderRef) },
    }),
  },
  events: {
    /** The provider cannot be asked now, and will be. */
    PaymentQueued: event(OrderRef, { key: 'orderId' }),
    PaymentCaptured: event(Paid, { key: 'orderId' }),
    PaymentDeclined: event(z.object({ orderId: z.string(), reason: z.string() }), { key: 'orderId' }),
    PaymentRefunded: event(Paid, { key: 'orderId' }),
    /** Keyed by the order: a subscriber that keeps books has received the payment before. */
    PartRefunded: event(z.object({ returnId: z.string(), orderId: z.string(), amount: z.int() }), { key: 'orderId' }),
    RefundRefused: event(z.object({ returnId: z.string(), orderId: z.string(), reason: z.string() }), { key: 'orderId' }),
  },
});
