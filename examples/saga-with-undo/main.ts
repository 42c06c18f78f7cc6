/** A saga runs steps in several services. When one is refused, the steps before it are undone, latest first. */
import { command, contract, failure, saga, service, use } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { z } from 'zod';

const Trip = z.object({ tripId: z.string(), city: z.string() });
const Trips = contract('trips', { commands: { book: command({ input: Trip }), confirm: command({ input: Trip }) } });
const Flights = contract('flights', { commands: { book: command({ input: Trip }), cancel: command({ input: Trip }) } });
const Hotels = contract('hotels', { commands: { book: command({ input: Trip, errors: { Full: failure(409, Trip) } }) } });

const bookTrip = saga('book-trip', {
  input: Trip,
  key: 'tripId',
  uses: { trips: use(Trips), flights: use(Flights), hotels: use(Hotels) },
  async run(trip, { use, step, pivot }) {
    await step('book flight', use.flights.book(trip), { undo: use.flights.cancel(trip) });
    await step('book hotel', use.hotels.book(trip), { undo: 'nothing' });
    await pivot('confirm', use.trips.confirm(trip)); // the point of no return
  },
});

const ended = Promise.withResolvers<void>();
const trips = service(Trips).implement({
  sagas: [bookTrip],
  commands: { book: (trip, { start }) => start(bookTrip, trip), confirm: ({ city }) => console.log(`${city}: confirmed`) },
});
const flights = service(Flights).implement({
  commands: {
    book: ({ city }) => console.log(`${city}: flight booked`),
    cancel({ city }, { undoing }) {
      console.log(`${city}: flight cancelled, because: ${undoing?.reason}`);
      ended.resolve();
    },
  },
});
const hotels = service(Hotels).implement({
  commands: {
    book(trip, { fail }) {
      if (trip.city === 'Paris') throw fail.Full(trip);
      console.log(`${trip.city}: hotel booked`);
    },
  },
});

const runtime = await start(
  topology({
    services: { trips, flights, hotels },
    profiles: { monolith: { store: sqlite(process.env.DATA_DIR ?? '.data'), bus: embedded() } },
  }),
  { logLevel: 'warn' },
);
await runtime.client(Trips).book({ tripId: 'trip-1', city: 'Paris' }, { key: 'trip-1' });
await ended.promise;
await runtime.stop();
