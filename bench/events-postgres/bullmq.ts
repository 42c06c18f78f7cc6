import { Queue as Jobs, Worker } from 'bullmq';
import type { Start } from '../core/row.ts';
import { drained, Handled, type Queue } from './drained.ts';

const AT_ONCE = 24;

/** The effect is the job's own result, which is stored as the job is done. */
const start: Start = async ({ server = '', forMs }) => {
  const { hostname: host, port } = new URL(server);
  const connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const jobs = new Jobs('events', { connection, defaultJobOptions: { removeOnComplete: true } });
  await jobs.waitUntilReady();
  const handled = new Handled();
  let worker: Worker | undefined;
  const queue: Queue = {
    async fill(ids) {
      await jobs.addBulk(ids.map((id) => ({ name: 'sent', data: { id } })));
    },
    async open() {
      worker = new Worker('events', async ({ data }) => data, { connection, concurrency: AT_ONCE });
      worker.on('completed', ({ data }) => handled.tell(data.id));
      worker.on('error', () => {});
      await worker.waitUntilReady();
    },
    publish: (id) => jobs.add('sent', { id }),
    shut: async () => worker?.close(),
  };
  return {
    round: () => drained(queue, handled, forMs * 4, forMs),
    close: () => jobs.close(),
  };
};
export default start;
