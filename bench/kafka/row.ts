import type { Row } from '../core/row.ts';

const here = (name: string) => new URL(name, import.meta.url);

export default {
  id: '2.5',
  title: 'Publishing with acknowledgement and consuming through the adapter for Kafka',
  commits: false,
  figures: {
    published: { unit: '/s', better: 'higher' },
    consumed: { unit: '/s', better: 'higher' },
    'CPU each, published': { unit: 'µs', better: 'lower' },
    'CPU each, consumed': { unit: 'µs', better: 'lower' },
  },
  contenders: [
    { name: "Ramet's adapter", role: 'ours', module: here('./ramet.ts'), needs: 'kafka' },
    { name: '@platformatic/kafka alone', role: 'peer', module: here('./client.ts'), needs: 'kafka' },
  ],
  targets: [
    { figure: 'published', to: '@platformatic/kafka alone', bound: 0.7 },
    { figure: 'consumed', to: '@platformatic/kafka alone', bound: 0.7 },
  ],
  notes: [
    'One broker, 6 partitions, envelopes of 450 bytes, all replicas acknowledge, idempotent producer, batches of 500 and 4 of them under way, by both. Published: from the first read of the outbox to the last recorded progress, with the outbox and the progress in memory. Consumed: 100,000 that wait, from having joined the group to the last; the client gives raw bytes, the adapter parses and checks every envelope and hands it on in order, with checkpoints.',
    'A Kafka that loses power may lose what it has acknowledged (it flushes when it likes): with one broker this row says nothing about durability, so there is no slow flush.',
  ],
} satisfies Row;
