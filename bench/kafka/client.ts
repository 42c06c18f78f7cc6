import { Consumer } from '@platformatic/kafka';
import { cpuMeter } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { clientOf, counter, fill, give, waitingOf } from './events.ts';

/** The client alone: an idempotent producer and a stream of raw records. */
const start: Start = async ({ server = '', forMs }) => {
  const client = clientOf(server);
  const { admin, producer, base } = client;
  const [many, waiting] = [forMs * 24, waitingOf(forMs)];
  const filled = `client-${process.pid}-waiting`;
  await fill(client, filled, waiting);
  let rounds = 0;
  return {
    async round() {
      const name = `client-${process.pid}-${rounds++}`;
      await fill(client, name, 1);
      const giving = cpuMeter();
      const beganMono = performance.now();
      await give(producer, name, many);
      const publishedMs = performance.now() - beganMono;
      const cpuPublished = giving() / many;
      await admin.deleteTopics({ topics: [name] });
      const consumer = new Consumer<Buffer, Buffer, Buffer, Buffer>({ ...base, groupId: name, autocommit: false });
      const taking = cpuMeter();
      const { begin, add, all } = counter(waiting);
      consumer.on('consumer:group:join', begin);
      const stream = await consumer.consume({ topics: [filled], mode: 'earliest', maxWaitTime: 20 });
      stream.on('data', () => add(1));
      const consumedMs = await all;
      const cpuConsumed = taking() / waiting;
      await stream.close();
      await consumer.close(true);
      return {
        published: (many * 1_000) / publishedMs,
        consumed: (waiting * 1_000) / consumedMs,
        'CPU each, published': cpuPublished,
        'CPU each, consumed': cpuConsumed,
      };
    },
    async close() {
      await producer.close(true);
      await admin.close();
    },
  };
};
export default start;
