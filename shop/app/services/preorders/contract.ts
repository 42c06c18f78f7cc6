import { command, contract, event, failure, query, secret, stream } from 'ramet';
import { z } from 'zod';

const PreorderRef = z.object({ preorderId: z.string() });
const Status = z.enum(['waiting', 'allocated', 'confirmed', 'cancelled']);
const NotFound = failure(404, PreorderRef);
const Wanted = { sku: z.string().min(1).max(64), quantity: z.int().min(1).max(99) };
/** As it was sold when it was placed: later changes of the catalog do not touch it. */
const Sold = z.object({
  preorderId: z.string(),
  customerId: z.string(),
  sku: z.string(),
  name: z.string(),
  quantity: z.int(),
  total: z.int(),
});

/** What customers want that is not there yet. Paid when it comes in; everything after the placing is a reaction to what others tell. */
export const Preorders = contract('preorders', {
  commands: {
    place: command({
      input: z.object({
        ...Wanted,
        /** Stands for a card at the payment provider; the number itself never comes here. */
        cardToken: secret(z.string().min(1).max(200)),
      }),
      output: PreorderRef,
      errors: { CustomerBlocked: failure(403, z.object({})), UnknownProduct: failure(422, z.object({ sku: z.string() })) },
      key: 'required',
    }),
    /** Taken until it is paid. What was being charged meanwhile is refunded. */
    cancel: command({
      input: PreorderRef,
      output: PreorderRef,
      errors: { NotFound, TooLate: failure(409, z.object({ status: Status })) },
      http: { route: 'POST /preorders/{preorderId}/cancel', status: 202 },
    }),
  },
  queries: {
    get: query({
      input: PreorderRef,
      output: z.object({
        preorderId: z.string(),
        status: Status,
        /** Why it was cancelled. */
        reason: z.string().optional(),
        sku: z.string(),
        name: z.string(),
        price: z.int(),
        quantity: z.int(),
        total: z.int(),
        history: z.array(z.object({ at: z.string(), what: z.string() })),
      }),
      errors: { NotFound },
      http: 'GET /preorders/{preorderId}',
    }),
    list: query({
      input: z.object({
        limit: z.int().min(1).max(100).default(20),
        cursor: z
          .string()
          .regex(/^pre_[0-9a-z]{26}$/, "the 'next' of an earlier page")
          .optional(),
      }),
      output: z.object({
        items: z.array(
          z.object({
            preorderId: z.string(),
            status: Status,
            sku: z.string(),
            name: z.string(),
            quantity: z.int(),
            total: z.int(),
            placedAt: z.string(),
            reason: z.string().optional(),
          }),
        ),
        next: z.string().optional(),
      }),
      http: 'GET /preorders',
    }),
    /** Ends with the entry that makes it `confirmed` or `cancelled`. */
    watch: stream({
      input: PreorderRef,
      output: z.object({ status: Status, what: z.string(), at: z.string() }),
      errors: { NotFound },
      http: 'GET /preorders/{preorderId}/events',
    }),
  },
  events: {
    PreorderPlaced: event(Sold, { key: 'preorderId' }),
    PreorderProgressed: event(z.object({ preorderId: z.string(), what: z.string(), at: z.string() }), { key: 'preorderId' }),
    PreorderConfirmed: event(Sold, { key: 'preorderId' }),
    PreorderCancelled: event(Sold.extend({ reason: z.string() }), { key: 'preorderId' }),
  },
});
