/** A stream is a query that answers many times. `changes` wakes it after each commit with an event of that key. */
import { command, contract, event, service, sql, stream } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { z } from 'zod';

const Parcel = z.object({ parcelId: z.string(), place: z.string() });
const Parcels = contract('parcels', {
  commands: { move: command({ input: Parcel }) },
  queries: {
    watch: stream({ input: z.object({ parcelId: z.string() }), output: z.object({ place: z.string() }) }),
  },
  events: { ParcelMoved: event(Parcel, { key: 'parcelId' }) },
});

const parcels = service(Parcels, {
  store: sql<{ parcels: { parcelId: string; place: string } }>({
    migrations: {
      '0001_parcels': `create table parcels (parcelId text primary key, place text not null); insert into parcels values ('p-1', 'packed')`,
    },
  }),
}).implement({
  commands: {
    async move({ parcelId, place }, { db, emit }) {
      await db.updateTable('parcels').set({ place }).where('parcelId', '=', parcelId).execute();
      emit.ParcelMoved({ parcelId, place });
    },
  },
  queries: {
    async *watch({ parcelId }, { db, changes }) {
      const change = changes(parcelId);
      for (let more = true; more; more = await change.next()) {
        const parcel = await db.selectFrom('parcels').select('place').where('parcelId', '=', parcelId).executeTakeFirst();
        if (!parcel) return;
        yield parcel;
        if (parcel.place === 'delivered') return;
      }
    },
  },
});

const runtime = await start(
  topology({
    services: { parcels },
    profiles: { monolith: { store: sqlite(process.env.DATA_DIR ?? '.data'), bus: embedded() } },
  }),
  { logLevel: 'warn' },
);
const client = runtime.client(Parcels);
const next: Record<string, string> = { packed: 'on the road', 'on the road': 'delivered' };
for await (const { place } of client.watch({ parcelId: 'p-1' })) {
  console.log(place);
  if (next[place]) await client.move({ parcelId: 'p-1', place: next[place] });
}
await runtime.stop();
