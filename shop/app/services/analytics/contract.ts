import { contract, event, query } from 'ramet';
import { z } from 'zod';

/** What the shop sold, counted from events. */
export const Analytics = contract('analytics', {
  queries: {
    summary: query({
      input: z.object({}),
      output: z.object({
        placed: z.int(),
        confirmed: z.int(),
        cancelled: z.int(),
        /** Captured less refunded, in cents, of orders and pre-orders: what orders that are still open have paid is part of it. */
        revenue: z.int(),
      }),
      http: 'GET /analytics/summary',
    }),
  },
  events: {
    /** A day (UTC) is over; published in the night that follows. */
    DayReported: event(z.object({ day: z.iso.date(), placed: z.int(), confirmed: z.int(), cancelled: z.int(), revenue: z.int() }), {
      key: 'day',
    }),
  },
});
