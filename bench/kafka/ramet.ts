import { kafka } from 'ramet/bus/kafka';
import { realPlatform } from 'ramet/platform';
import { cpuMeter } from '../core/measure.ts';
import type { Start } from '../core/row.ts';
import { clientOf, counter, envelopeOf, fill, PARTITIONS, TYPE, waitingOf } from './events.ts';

type Bus = ReturnType<ReturnType<typeof kafka>['create']>;
type Outbox = Parameters<Bus['attach']>[0];
type Row = Awaited<ReturnType<Outbox['read']>>[number];
type Progress = NonNullable<Outbox['progress']>;
type Sink = Parameters<Bus['consume']>[0]['sink'];

/** As an outbox on PostgreSQL. */
const OUTBOX_PARTITIONS = 16;

/** An outbox in memory, so that only the way to the brokers is measured: events are read and sent, and the progress is recorded. */
function outboxOf(many: number, given: (n: number) => void): Outbox & { open(): void } {
  const rows = Array.from({ length: OUTBOX_PARTITIONS }, (): Row[] => []);
  for (let i = 0; i < many; i++) {
    const partition = rows[i % OUTBOX_PARTITIONS] as Row[];
    const { key, text } = envelopeOf(i);
    partition.push({ pos: partition.length + 1, type: TYPE, key, envelope: text });
  }
  // The first event alone makes the topic and the connections.
  let opened = false;
  const wakers = new Set<(partitions?: readonly number[]) => void>();
  const at = new Map<number, number>();
  const head = (p: number) => (opened ? (rows[p] as Row[]).length : p === 0 ? 1 : 0);
  const progress: Progress = {
    claim: async (_relay, p) => ({ pos: at.get(p) ?? 0, epoch: 1 }),
    async advance(_relay, p, _claim, pos) {
      given(pos - (at.get(p) ?? 0));
      at.set(p, pos);
      return true;
    },
    release: async () => {},
    positions: async () => at,
  };
  return {
    service: 'orders',
    partitions: OUTBOX_PARTITIONS,
    read: async (p, after, limit) => (rows[p] as Row[]).slice(after, Math.min(head(p), after + limit)),
    head: async (p) => head(p),
    edges: async () => rows.map((_, p) => ({ p, prunedTo: 0, head: head(p) })),
    progress,
    onAppend(wake) {
      wakers.add(wake);
      return () => wakers.delete(wake);
    },
    open() {
      opened = true;
      for (const wake of wakers) wake(rows.map((_, p) => p));
    },
  };
}

/** Takes everything and keeps nothing. */
function sinkOf(begin: () => void, taken: (n: number) => void): Sink {
  return {
    begin: async () => begin(),
    end: async () => {},
    checkpoint: async () => 0,
    settled: async () => 0,
    missed: async () => {},
    deliver: async ({ deliveries }) => taken(deliveries.length),
  };
}

const start: Start = async ({ server = '', forMs }) => {
  const client = clientOf(server);
  const [many, waiting] = [forMs * 24, waitingOf(forMs)];
  const prefix = `ramet-${process.pid}-`;
  await fill(client, `${prefix}waiting.${TYPE}`, waiting);
  let rounds = 0;
  const busOf = (name: string): Bus =>
    kafka({ brokers: [server], prefix: `${prefix}${name}.`, partitions: PARTITIONS }).create({
      platform: realPlatform(),
      owner: `bench-${process.pid}`,
      onError: (error) => console.error(error),
    });
  const published = async (name: string) => {
    const bus = busOf(name);
    const first = Promise.withResolvers<void>();
    const given = counter(many - 1);
    const outbox = outboxOf(many, (n) => (n === 1 ? first.resolve() : given.add(n)));
    bus.attach(outbox);
    await first.promise;
    const giving = cpuMeter();
    given.begin();
    outbox.open();
    const tookMs = await given.all;
    const cpu = giving() / many;
    await bus.close();
    await client.admin.deleteTopics({ topics: [`${prefix}${name}.${TYPE}`] });
    return { published: (many * 1_000) / tookMs, 'CPU each, published': cpu };
  };
  const consumed = async (group: string) => {
    const bus = busOf('waiting');
    const { begin, add, all } = counter(waiting);
    const taking = cpuMeter();
    bus.consume({ group, topics: new Set([TYPE]), sink: sinkOf(begin, add) });
    const tookMs = await all;
    const cpu = taking() / waiting;
    await bus.close();
    return { consumed: (waiting * 1_000) / tookMs, 'CPU each, consumed': cpu };
  };
  return {
    async round() {
      const name = `${rounds++}`;
      return { ...(await published(name)), ...(await consumed(name)) };
    },
    async close() {
      await client.producer.close(true);
      await client.admin.close();
    },
  };
};
export default start;
