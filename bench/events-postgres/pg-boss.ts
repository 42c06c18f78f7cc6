import pg from 'pg';
import { PgBoss } from 'pg-boss';
import type { Start } from '../core/row.ts';
import { drained, Handled, type Queue } from './drained.ts';

const QUEUE = 'sent';

/** What its documentation names for many quick jobs: batches, fetched as long as they are full, by several workers that are notified of jobs. */
const WORK = {
  batchSize: 100,
  localConcurrency: 4,
  burstWhenBatchFull: true,
  pollingIntervalSeconds: 0.5,
  notifyPollingIntervalSeconds: 0.5,
};

/** The effects of a batch are committed first, by one statement; then its jobs are done: an effect may come twice. */
const start: Start = async ({ server = '', forMs }) => {
  const pool = new pg.Pool({ connectionString: server, max: 10 });
  await pool.query('create table boss_seen (id text primary key)');
  const handled = new Handled();
  const boss = new PgBoss({ connectionString: server, max: 20, useListenNotify: true });
  boss.on('error', () => {});
  await boss.start();
  await boss.createQueue(QUEUE, { notify: true });
  const queue: Queue = {
    async fill(ids) {
      await boss.insert(
        QUEUE,
        ids.map((id) => ({ data: { id } })),
      );
    },
    async open() {
      await boss.work<{ id: string }>(QUEUE, WORK, async (jobs) => {
        const ids = jobs.map(({ data }) => data.id);
        await pool.query({ name: 'seen', text: 'insert into boss_seen select unnest($1::text[])', values: [ids] });
        for (const id of ids) handled.tell(id);
      });
    },
    publish: (id) => boss.send(QUEUE, { id }),
    shut: () => boss.offWork(QUEUE),
  };
  return {
    round: () => drained(queue, handled, forMs * 4, forMs),
    async close() {
      await boss.stop({ graceful: false });
      await pool.end();
    },
  };
};
export default start;
