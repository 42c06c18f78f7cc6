import { setTimeout as sleep } from 'node:timers/promises';
import { prepared, service, sql } from 'ramet';
import { Rooms } from './contract.ts';

interface Tables {
  nights: { room: string; night: string; booking_id: string };
}

/** How long the hotel takes for a night: time enough to kill the process in the middle. */
const THINKING_MS = Number(process.env.THINKING_MS || 1000);

export default service(Rooms, {
  store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }),
}).implement({
  commands: {
    // No handler checks for repeated or late calls: a step takes effect once, and never after its undo.
    hold: prepared({
      // `prepare` runs before the transaction, so it may wait.
      prepare: () => (THINKING_MS > 0 ? sleep(THINKING_MS) : undefined),
      async run({ bookingId, room, night }, { db, fail }) {
        const taken = await db
          .selectFrom('nights')
          .select('booking_id')
          .where('room', '=', room)
          .where('night', '=', night)
          .executeTakeFirst();
        if (taken) throw fail.Taken({ room, night });
        await db.insertInto('nights').values({ room, night, booking_id: bookingId }).execute();
      },
    }),
    async release({ room, night }, { db }) {
      await db.deleteFrom('nights').where('room', '=', room).where('night', '=', night).execute();
    },
  },
  queries: {
    async calendar({ room }, { db }) {
      const rows = await db.selectFrom('nights').selectAll().where('room', '=', room).orderBy('night').execute();
      return { nights: rows.map((row) => ({ night: row.night, bookingId: row.booking_id })) };
    },
  },
});
