import { Queue, Worker } from 'bullmq';
import type { Start } from '../core/row.ts';
import { timedOneByOne } from './one-by-one.ts';

/** The effect is the job's own result, which BullMQ stores when it completes the job: less than a reaction with a table writes. */
const start: Start = async ({ server = '', forMs }) => {
  const { hostname: host, port } = new URL(server);
  const connection = { host, port: Number(port), maxRetriesPerRequest: null };
  const queue = new Queue('sent', { connection });
  let handled = () => {};
  const worker = new Worker('sent', async ({ data }) => data, { connection });
  worker.on('completed', () => handled());
  worker.on('error', () => {});
  await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
  let ids = 0;
  const publish = (onHandled: () => void) => {
    handled = onHandled;
    return queue.add('sent', { id: `event-${ids++}` }, { removeOnComplete: true });
  };
  return {
    round: () => timedOneByOne(publish, forMs),
    async close() {
      await worker.close();
      await queue.close();
    },
  };
};
export default start;
