import { command, contract, event, failure, query, secret, stream } from 'ramet';
import { z } from 'zod';

const OrderRef = z.object({ orderId: z.string() });
const Status = z.enum(['pending', 'confirmed', 'cancelled']);
const NotFound = failure(404, OrderRef);
/** A line as it was sold: later changes of the catalog do not touch it. */
const SoldLine = z.object({ sku: z.string(), name: z.string(), price: z.int(), quantity: z.int() });
const Summary = z.object({ orderId: z.string(), customerId: z.string(), lines: z.array(SoldLine), total: z.int() });

export const Address = z.object({
  name: z.string().min(1).max(200),
  street: z.string().min(1).max(200),
  city: z.string().min(1).max(200),
  country: z.string().regex(/^[A-Z]{2}$/, 'two capital letters (ISO 3166), such as DE'),
});

/** What customers order, and what becomes of it. */
export const Orders = contract('orders', {
  commands: {
    place: command({
      input: z.object({
        lines: z
          .array(z.object({ sku: z.string().min(1).max(64), quantity: z.int().min(1).max(99) }))
          .min(1)
          .max(50),
        /** Stands for a card at the payment provider; the number itself never comes here. */
        cardToken: secret(z.string().min(1).max(200)),
        shipTo: Address.optional(),
      }),
      output: OrderRef,
      errors: { CustomerBlocked: failure(403, z.object({})), UnknownProduct: failure(422, z.object({ sku: z.string() })) },
      http: { route: 'POST /orders', status: 202 },
      key: 'required',
    }),
    requestCancel: command({
      input: OrderRef,
      output: OrderRef,
      errors: { NotFound, TooLate: failure(409, z.object({ status: Status })) },
      http: { route: 'POST /orders/{orderId}/cancel', status: 202 },
    }),
    // Steps of the saga: how the order itself learns what becomes of it.
    accept: command({ input: OrderRef }),
    confirm: command({ input: OrderRef }),
    cancel: command({ input: OrderRef }),
  },
  queries: {
    get: query({
      input: z.object({
        orderId: z.string(),
        /** Answers when the order has ended, and after so many seconds at the latest. */
        wait: z.int().min(0).max(30).default(0),
      }),
      output: z.object({
        orderId: z.string(),
        status: Status,
        reason: z.string().optional(),
        total: z.int(),
        lines: z.array(SoldLine),
        history: z.array(z.object({ at: z.string(), what: z.string() })),
      }),
      errors: { NotFound },
      http: 'GET /orders/{orderId}',
    }),
    list: query({
      input: z.object({
        status: Status.optional(),
        limit: z.int().min(1).max(100).default(20),
        /** The last order of the page before: orders sort by their ids, for these sort by time. */
        cursor: z
          .string()
          .regex(/^ord_[0-9a-z]{26}$/, "the 'next' of an earlier page")
          .optional(),
      }),
      output: z.object({
        items: z.array(
          z.object({
            orderId: z.string(),
            status: Status,
            total: z.int(),
            placedAt: z.string(),
            reason: z.string().optional(),
            /** Its first line stands for the order; so many others there are. */
            first: SoldLine,
            further: z.int(),
          }),
        ),
        next: z.string().optional(),
      }),
      http: 'GET /orders',
    }),
    watch: stream({
      input: OrderRef,
      output: z.object({ status: Status, what: z.string(), at: z.string() }),
      errors: { NotFound },
      http: 'GET /orders/{orderId}/events',
    }),
  },
  events: {
    OrderPlaced: event(Summary.extend({ at: z.string() }), { key: 'orderId' }),
    /** Something became known of an order that is still open. */
    OrderProgressed: event(z.object({ orderId: z.string(), what: z.string(), at: z.string() }), { key: 'orderId' }),
    OrderConfirmed: event(Summary, { key: 'orderId' }),
    OrderCancelled: event(z.object({ orderId: z.string(), customerId: z.string(), reason: z.string(), total: z.int() }), {
      key: 'orderId',
    }),
    /** The goods of an order that may be returned, and their value. Keyed by the order: a subscriber has received the sale before. */
    ReturnApproved: event(
      z.object({
        orderId: z.string(),
        returnId: z.string(),
        lines: z.array(z.object({ sku: z.string(), quantity: z.int() })),
        amount: z.int(),
        /** What the customer gave as the reason of the return. */
        because: z.string(),
      }),
      { key: 'orderId' },
    ),
    ReturnDenied: event(z.object({ orderId: z.string(), returnId: z.string(), reason: z.string() }), { key: 'orderId' }),
  },
});
