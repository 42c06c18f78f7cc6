import { contract, query } from 'ramet';
import { z } from 'zod';

/** Everything that happened, kept for people who have to explain it. */
export const Audit = contract('audit', {
  queries: {
    trail: query({
      input: z.object({
        /** An order, a customer, or whatever else events are about. */
        key: z.string(),
      }),
      output: z.object({
        items: z.array(
          z.object({
            eventId: z.string(),
            type: z.string(),
            at: z.string(),
            correlationId: z.string(),
            data: z.record(z.string(), z.unknown()),
          }),
        ),
      }),
    }),
  },
});
