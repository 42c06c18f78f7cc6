import { DBOS } from '@dbos-inc/dbos-sdk';
import { Pool } from 'pg';
import { closedLoop, percentiles } from '../core/measure.ts';
import type { Start } from '../core/row.ts';

const start: Start = async ({ server = '', forMs }) => {
  const pool = new Pool({ connectionString: server, max: 20 });
  await pool.query('create table if not exists effects (id text not null, step integer not null, primary key (id, step))');
  const step = (id: string, n: number) =>
    DBOS.runStep(async () => void (await pool.query('insert into effects values ($1, $2) on conflict do nothing', [id, n])), {
      name: `step ${n}`,
    });
  const trip = DBOS.registerWorkflow(
    async (id: string) => {
      await step(id, 1);
      await step(id, 2);
      await step(id, 3);
    },
    { name: 'trip' },
  );
  const systemDatabaseUrl = new URL(server);
  systemDatabaseUrl.pathname = '/dbos';
  DBOS.setConfig({ name: 'bench', systemDatabaseUrl: systemDatabaseUrl.href, systemDatabasePoolSize: 20, logLevel: 'error' });
  await DBOS.launch();
  let ids = 0;
  // Called, not started: so the end is awaited in the process, without polling the database for it.
  const work = () => trip(`trip-${ids++}`);
  return {
    async round() {
      const together = await closedLoop(work, 50, forMs * 2);
      const alone = await closedLoop(work, 1, forMs);
      return { '50 at once': together.perSecond, 'alone, throughput': alone.perSecond, ...percentiles(alone.tookMs, 'alone, ') };
    },
    async close() {
      await DBOS.shutdown();
      await pool.end();
    },
  };
};
export default start;
