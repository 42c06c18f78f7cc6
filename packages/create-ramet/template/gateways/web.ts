import { expose, gateway } from 'ramet';
import { Bookings } from '../services/bookings/contract.ts';
import { Rooms } from '../services/rooms/contract.ts';

/** The operations that are open over HTTP, and to which callers. An operation that is not named here is not open. */
export default gateway('web', {
  routes: [
    expose(Bookings, { operations: { place: { access: 'public' }, get: { access: 'public' } } }),
    expose(Rooms, { operations: { calendar: { access: 'public' } } }),
  ],
});
