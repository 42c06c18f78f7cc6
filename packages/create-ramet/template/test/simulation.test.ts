import { test } from 'node:test';
import { RametError } from 'ramet';
import { assertKept, invariant, type Simulated, simulate } from 'ramet/simulation';
import { Bookings } from '../services/bookings/contract.ts';
import app from '../topology.ts';

// The services are loaded when the simulation begins. Simulated guests do not wait for the hotel.
process.env.THINKING_MS = '0';

const NIGHTS = ['2027-05-01', '2027-05-02', '2027-05-03', '2027-05-04'];

/** Books two nights of a room, and repeats the request under the same key until it has an answer. */
async function book(sim: Simulated, guest: string): Promise<void> {
  const first = sim.int('first night', 0, NIGHTS.length - 2);
  const stay = { guest, room: sim.pick('room', ['12', '14']), nights: NIGHTS.slice(first, first + 2) };
  for (let attempt = 0; attempt < 5; attempt++) {
    try {
      await sim.client(Bookings).place(stay, { key: guest });
      return;
    } catch (error) {
      if (!(error instanceof RametError)) throw error;
      await sim.sleep('500ms');
    }
  }
}

interface Booking {
  booking_id: string;
  guest: string;
  status: string;
  nights: string;
}

test('whatever fails, a booking has all its nights or none, and a guest has one booking', async () => {
  const report = await simulate(app, {
    seeds: 50,
    async scenario(sim) {
      await Promise.all(['Ada', 'Grace', 'Edsger', 'Barbara'].map((guest) => book(sim, guest)));
    },
    invariants: [
      invariant('all nights or none', 'end', async (sim) => {
        const bookings = await sim.rows<Booking>('bookings', 'select * from bookings');
        const held = await sim.rows<{ booking_id: string }>('rooms', 'select booking_id from nights');
        return bookings.flatMap(({ booking_id, status, nights }) => {
          const wanted = status === 'confirmed' ? JSON.parse(nights).length : 0;
          const has = held.filter((night) => night.booking_id === booking_id).length;
          return has === wanted ? [] : [`${booking_id} is ${status} and holds ${has} nights, not ${wanted}`];
        });
      }),
      invariant('a guest has one booking', 'always', async (sim) => {
        const twice = await sim.rows<Booking>('bookings', 'select guest from bookings group by guest having count(*) > 1');
        return twice.map(({ guest }) => `${guest} has more than one booking`);
      }),
    ],
  });
  assertKept(report);
});
