import { command, contract, event, failure, query, stream } from 'ramet';
import { z } from 'zod';

const ReturnRef = z.object({ returnId: z.string() });
const Line = z.object({ sku: z.string().min(1).max(64), quantity: z.int().min(1).max(99) });
const Status = z.enum(['requested', 'received', 'refunded', 'refused', 'completed']);
const NotFound = failure(404, ReturnRef);
const OrderId = z.string().min(1).max(64);
const Return = z.object({
  returnId: z.string(),
  orderId: z.string(),
  status: Status,
  /** Why it was refused. */
  reason: z.string().optional(),
  /** In cents: what the customer gets, as soon as the return is approved. */
  refund: z.int().optional(),
  /** What comes back. Empty while it is not known yet what "everything" is. */
  lines: z.array(Line),
  /** What the customer gave as the reason of the return. */
  because: z.string(),
  history: z.array(z.object({ at: z.string(), what: z.string() })),
});

/** What customers send back, and what they get for it. Everything after the request is a reaction to what others tell. */
export const Returns = contract('returns', {
  commands: {
    request: command({
      input: z.object({
        orderId: OrderId,
        /** Without them, everything of the order that has not been returned. */
        lines: z.array(Line).min(1).max(50).optional(),
        reason: z.string().trim().min(1).max(500),
      }),
      output: ReturnRef,
      http: { route: 'POST /orders/{orderId}/returns', status: 202 },
      key: 'required',
    }),
  },
  queries: {
    get: query({ input: ReturnRef, output: Return, errors: { NotFound }, http: 'GET /returns/{returnId}' }),
    /** The caller's own returns of an order, the earliest first. */
    ofOrder: query({
      input: z.object({ orderId: OrderId }),
      output: z.object({ items: z.array(Return) }),
      http: 'GET /orders/{orderId}/returns',
    }),
    /** Ends with the entry that makes it `completed` or `refused`. */
    watch: stream({
      input: ReturnRef,
      output: z.object({ status: Status, what: z.string(), at: z.string() }),
      errors: { NotFound },
      http: 'GET /returns/{returnId}/events',
    }),
  },
  events: {
    /** By the order, so that the returns of one order are judged one after another. */
    ReturnRequested: event(
      z.object({ returnId: z.string(), orderId: z.string(), customerId: z.string(), lines: z.array(Line).optional(), reason: z.string() }),
      { key: 'orderId' },
    ),
    /** Something became known of a return: one for each entry of its history but the first. */
    ReturnProgressed: event(z.object({ returnId: z.string(), what: z.string(), at: z.string() }), { key: 'returnId' }),
    /** The goods are back and in order: `amount` is owed to the customer. */
    ReturnReceived: event(z.object({ returnId: z.string(), orderId: z.string(), amount: z.int() }), { key: 'returnId' }),
    /** Keyed by the order too: a new request is judged after this event has arrived. */
    ReturnRefused: event(z.object({ returnId: z.string(), orderId: z.string(), customerId: z.string(), reason: z.string() }), {
      key: 'orderId',
    }),
    ReturnCompleted: event(z.object({ returnId: z.string(), orderId: z.string(), customerId: z.string(), refund: z.int() }), {
      key: 'returnId',
    }),
  },
});
