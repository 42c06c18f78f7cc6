import { command, contract, event, failure } from 'ramet';
import { z } from 'zod';

/** The mail server has refused the mail for good. */
const MailRefused = failure(422, z.object({ reason: z.string() }));
const Order = z.object({ orderId: z.string(), customerId: z.string(), total: z.int() });
const Return = z.object({ returnId: z.string(), orderId: z.string(), customerId: z.string() });
const Preorder = z.object({ preorderId: z.string(), customerId: z.string(), name: z.string(), quantity: z.int(), total: z.int() });

/** What customers are notified of by mail: each fact once, as far as mail knows "once" (a repeat bears the same Message-ID). */
export const Notifications = contract('notifications', {
  commands: {
    orderConfirmed: command({ input: Order, errors: { MailRefused } }),
    orderCancelled: command({ input: Order.extend({ reason: z.string() }), errors: { MailRefused } }),
    returnCompleted: command({ input: Return.extend({ refund: z.int() }), errors: { MailRefused } }),
    returnRefused: command({ input: Return.extend({ reason: z.string() }), errors: { MailRefused } }),
    preorderConfirmed: command({ input: Preorder, errors: { MailRefused } }),
    preorderCancelled: command({ input: Preorder.extend({ reason: z.string() }), errors: { MailRefused } }),
  },
  events: {
    /** `fact` is what the mail was about, such as `order-confirmed:ord_…`. */
    MailSent: event(z.object({ fact: z.string(), to: z.string() }), { key: 'fact' }),
  },
});
