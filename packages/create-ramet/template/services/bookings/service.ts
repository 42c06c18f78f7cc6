import { service, sql } from 'ramet';
import { bookNights } from './book-nights.ts';
import { Bookings } from './contract.ts';

interface Tables {
  bookings: {
    booking_id: string;
    guest: string;
    room: string;
    nights: string;
    status: 'placed' | 'accepted' | 'confirmed' | 'cancelled';
    reason: string | null;
  };
}

export default service(Bookings, {
  store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }),
}).implement({
  sagas: [bookNights],
  commands: {
    async place({ guest, room, nights }, { db, id, start }) {
      const bookingId = id('bkg');
      await db
        .insertInto('bookings')
        .values({ booking_id: bookingId, guest, room, nights: JSON.stringify(nights), status: 'placed', reason: null })
        .execute();
      start(bookNights, { bookingId, room, nights }); // the row and the start of the saga commit together, or not at all
      return { bookingId };
    },
    async accept({ bookingId }, { db }) {
      await db.updateTable('bookings').set({ status: 'accepted' }).where('booking_id', '=', bookingId).execute();
    },
    async confirm({ bookingId }, { db }) {
      await db.updateTable('bookings').set({ status: 'confirmed' }).where('booking_id', '=', bookingId).execute();
    },
    async cancel({ bookingId }, { db, undoing }) {
      const reason = undoing?.reason ?? null;
      await db.updateTable('bookings').set({ status: 'cancelled', reason }).where('booking_id', '=', bookingId).execute();
    },
  },
  queries: {
    async get({ bookingId }, { db, fail }) {
      const row = await db.selectFrom('bookings').selectAll().where('booking_id', '=', bookingId).executeTakeFirst();
      if (!row) throw fail.NotFound({ bookingId });
      return { guest: row.guest, room: row.room, nights: JSON.parse(row.nights), status: row.status, reason: row.reason };
    },
  },
});
