import { saga, use } from 'ramet';
import { z } from 'zod';
import { Rooms } from '../rooms/contract.ts';
import { Bookings } from './contract.ts';

/** Books all nights or none. If a step is refused, the steps before it are undone, the latest first. */
export const bookNights = saga('book-nights', {
  input: z.object({ bookingId: z.string(), room: z.string(), nights: z.array(z.string()) }),
  key: 'bookingId',
  uses: { bookings: use(Bookings), rooms: use(Rooms) },
  async run({ bookingId, room, nights }, { use, step, pivot }) {
    await step('accept', use.bookings.accept({ bookingId }), { undo: use.bookings.cancel({ bookingId }) });
    for (const night of new Set(nights)) {
      const stay = { bookingId, room, night };
      await step(`hold ${night}`, use.rooms.hold(stay), { undo: use.rooms.release(stay) });
    }
    await pivot('confirm', use.bookings.confirm({ bookingId })); // the point of no return
  },
});
