import { command, contract, failure, query } from 'ramet';
import { z } from 'zod';

const Ref = z.object({ bookingId: z.string() });
const Stay = z.object({ guest: z.string().min(1), room: z.string().min(1), nights: z.array(z.iso.date()).min(1).max(14) });

export const Bookings = contract('bookings', {
  commands: {
    place: command({ input: Stay, output: Ref, http: { route: 'POST /bookings', status: 202 } }),
    // The saga reports its progress to its own service with these commands.
    accept: command({ input: Ref }),
    confirm: command({ input: Ref }),
    cancel: command({ input: Ref }),
  },
  queries: {
    get: query({
      input: Ref,
      output: Stay.extend({ status: z.enum(['placed', 'accepted', 'confirmed', 'cancelled']), reason: z.string().nullable() }),
      errors: { NotFound: failure(404, Ref) },
      http: 'GET /bookings/{bookingId}',
    }),
  },
});
