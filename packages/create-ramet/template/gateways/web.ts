import { expose, gateway } from 'ramet';
import { Bookings } from '../services/bookings/contract.ts';
import { Rooms } from '../services/rooms/contract.ts';

/** What can be reached over HTTP, and by whom. An operation that is not named here cannot be reached. */
export default gateway('web', {
  routes: [
    expose(Bookings, { operations: { place: { access: 'public' }, get: { access: 'public' } } }),
    expose(Rooms, { operations: { calendar: { access: 'public' } } }),
  ],
});
