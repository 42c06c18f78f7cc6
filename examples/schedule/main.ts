/** A schedule is stored: it survives restarts, and each occurrence takes effect once, however many processes share the store. */
import { contract, service, sql } from 'ramet';
import { embedded } from 'ramet/bus/embedded';
import { start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';

const ended = Promise.withResolvers<void>();

const reports = service(contract('reports', {}), {
  store: sql<{ runs: { due: string } }>({ migrations: { '0001_runs': 'create table runs (due text primary key)' } }),
}).implement({
  schedules: (every, cron) => [
    every('1s', 'count', async ({ db, schedule }) => {
      await db.insertInto('runs').values({ due: schedule.due.toISOString() }).execute();
      const runs = (await db.selectFrom('runs').selectAll().execute()).length;
      console.log(`run ${runs}`);
      if (runs === 3) ended.resolve();
    }),
    cron('0 3 * * *', 'nightly report', ({ log }) => log.info({}, 'a day is over'), { timezone: 'Europe/Berlin' }),
  ],
});

const runtime = await start(
  topology({
    services: { reports },
    profiles: { monolith: { store: sqlite(process.env.DATA_DIR ?? '.data'), bus: embedded() } },
  }),
  { logLevel: 'warn' },
);
await ended.promise;
await runtime.stop();
