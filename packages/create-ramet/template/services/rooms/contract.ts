import { command, contract, failure, query } from 'ramet';
import { z } from 'zod';

const Night = z.object({ bookingId: z.string(), room: z.string(), night: z.string() });

export const Rooms = contract('rooms', {
  commands: {
    hold: command({ input: Night, errors: { Taken: failure(409, z.object({ room: z.string(), night: z.string() })) } }),
    release: command({ input: Night }),
  },
  queries: {
    calendar: query({
      input: z.object({ room: z.string() }),
      output: z.object({ nights: z.array(z.object({ night: z.string(), bookingId: z.string() })) }),
      http: 'GET /rooms/{room}',
    }),
  },
});
