import { Logger, makeWorkerUtils, type Runner, type RunnerOptions, run } from 'graphile-worker';
import pg from 'pg';
import type { Start } from '../core/row.ts';
import { drained, Handled, type Queue } from './drained.ts';

/** What its documentation names for many quick jobs: fetched and completed together. */
const BEST: Partial<RunnerOptions> = {
  concurrency: 24,
  preset: { worker: { localQueue: { size: 500 }, completeJobBatchDelay: 0, failJobBatchDelay: 0 } },
};

/** The effect is committed first, in a transaction of its own; then the job is done: an effect may come twice. */
const start: Start = async ({ server, variant, forMs }) => {
  const best = variant === 'best';
  const schema = `graphile_${variant}`;
  const pgPool = new pg.Pool({ connectionString: server, max: 26 });
  pgPool.on('error', () => {});
  await pgPool.query(`create table ${schema}_seen (id text primary key)`);
  const INSERT = { name: 'seen', text: `insert into ${schema}_seen values ($1)` };
  const common = { pgPool, schema, logger: new Logger(() => () => {}) };
  const utils = await makeWorkerUtils(common);
  await utils.migrate();
  const handled = new Handled();
  let runner: Runner | undefined;
  const queue: Queue = {
    fill: async (ids) => void (await utils.addJobs(ids.map((id) => ({ identifier: 'sent', payload: { id } })))),
    async open() {
      runner = await run({
        ...common,
        noHandleSignals: true,
        ...(best ? BEST : {}),
        taskList: {
          async sent(payload) {
            const { id } = payload as { id: string };
            await pgPool.query({ ...INSERT, values: [id] });
            handled.tell(id);
          },
        },
      });
    },
    publish: (id) => utils.addJob('sent', { id }),
    shut: async () => runner?.stop(),
  };
  return {
    round: () => drained(queue, handled, forMs * (best ? 20 : 4), forMs),
    async close() {
      await utils.release();
      await pgPool.end();
    },
  };
};
export default start;
