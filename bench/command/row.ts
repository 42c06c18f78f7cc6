import type { Row } from '../core/row.ts';

export default {
  id: '1.3',
  title: 'A command on SQLite, durable: idempotency row, state through Kysely, event in the outbox, one commit',
  commits: true,
  figures: {
    '64 at once': { unit: '/s', better: 'higher' },
    'CPU each, 64 at once': { unit: 'µs', better: 'lower' },
    'alone, throughput': { unit: '/s', better: 'higher' },
    'alone, p50': { unit: 'ms', better: 'lower' },
    'alone, p99': { unit: 'ms', better: 'lower' },
    'flushes each': { unit: 'alone', better: 'lower' },
  },
  contenders: [
    { name: 'three statements by hand, node:sqlite', role: 'limit', module: new URL('./by-hand.ts', import.meta.url) },
    { name: 'Ramet', role: 'ours', module: new URL('./ramet.ts', import.meta.url) },
  ],
  targets: [
    { figure: '64 at once', bound: 15_000 },
    { figure: 'alone, throughput', bound: 3_000 },
  ],
  notes: ['No peer does this work in one transaction. By hand: 64 in one transaction, and each in one of its own.'],
} satisfies Row;
