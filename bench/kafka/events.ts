import { Admin, compatibilityPartitioner, Producer } from '@platformatic/kafka';

/** How events are given to the brokers: so many at once, and so many of these under way. What the relay of Ramet does, and the best of the client. */
export const BATCH = 500;
export const UNDER_WAY = 4;
export const PARTITIONS = 6;
export const TYPE = 'orders.OrderPlaced';

/** An envelope as it stands in an outbox, about 450 bytes. */
export function envelopeOf(i: number): { readonly key: string; readonly text: string } {
  const key = `ord_06gzqy959dwbx45pv0whw${String(i).padStart(8, '0')}`;
  const text = JSON.stringify({
    id: `evt_06gzqy9fa1y7b71a5n6r${String(i).padStart(8, '0')}`,
    type: TYPE,
    version: 1,
    source: 'orders',
    key,
    timestamp: '2026-11-21T02:39:34.224Z',
    correlationId: 'cor_06gzqy953szh7971ddg3xdskmr',
    causationId: 'saga_06gzqy959hs2n72dw3ebz100s4:charge card',
    traceparent: '00-80adfa23a5b6eb466c8b19a52e85f7df-fc0fbaccea67a1a0-01',
    initiator: 'usr_06gzqy94pxrt9cj57yf56kmysg',
    data: { orderId: key, customerId: 'usr_06gzqy94pxrt9cj57yf56kmysg', total: { amount: 4400, currency: 'EUR' }, lines: 2 },
  });
  return { key, text };
}

/** Counts to a number. @returns how to begin and to count, and what resolves with the milliseconds from the beginning to the last */
export function counter(many: number): { readonly begin: () => void; readonly add: (n: number) => void; readonly all: Promise<number> } {
  const { promise, resolve } = Promise.withResolvers<number>();
  let left = many;
  let beganMono: number | undefined;
  return {
    all: promise,
    begin() {
      beganMono ??= performance.now();
    },
    add(n) {
      left -= n;
      if (left <= 0) resolve(performance.now() - (beganMono ?? Number.NaN));
    },
  };
}

/** Events that wait in a topic, for rounds to consume: many, so that what counts is not the first answer of the broker. */
export const waitingOf = (forMs: number): number => Math.ceil((forMs * 100) / BATCH) * BATCH;

export function clientOf(server: string) {
  const base = { clientId: 'bench', bootstrapBrokers: [server] };
  return {
    base,
    admin: new Admin(base),
    producer: new Producer<Buffer, Buffer, Buffer, Buffer>({ ...base, idempotent: true, partitioner: compatibilityPartitioner as never }),
  };
}

/** Creates a topic and fills it. */
export async function fill({ admin, producer }: ReturnType<typeof clientOf>, topic: string, many: number): Promise<void> {
  await admin.createTopics({ topics: [topic], partitions: PARTITIONS, replicas: 1 });
  await give(producer, topic, many);
}

/** Gives events to a topic in batches, some of them at once. */
export async function give(producer: ReturnType<typeof clientOf>['producer'], topic: string, many: number): Promise<void> {
  let next = 0;
  const one = async () => {
    while (next < many) {
      const from = next;
      next += BATCH;
      const messages = Array.from({ length: Math.min(BATCH, many - from) }, (_, i) => {
        const { key, text } = envelopeOf(from + i);
        return { topic, key: Buffer.from(key), value: Buffer.from(text) };
      });
      await producer.send({ messages, acks: -1 });
    }
  };
  await Promise.all(Array.from({ length: UNDER_WAY }, one));
}
