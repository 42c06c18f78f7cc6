import type { Row } from '../core/row.ts';

const here = (name: string) => new URL(name, import.meta.url);

export default {
  id: '1.5',
  title: 'A saga of three steps, from its start to its stored end',
  commits: true,
  figures: {
    '50 at once': { unit: '/s', better: 'higher' },
    'alone, throughput': { unit: '/s', better: 'higher' },
    'alone, p50': { unit: 'ms', better: 'lower' },
    'alone, p99': { unit: 'ms', better: 'lower' },
    'flushes each': { unit: 'alone', better: 'lower' },
  },
  contenders: [
    { name: 'five commits of 50 by hand, node:sqlite', role: 'limit', module: here('./by-hand.ts') },
    { name: 'Ramet', role: 'ours', module: here('./ramet.ts') },
    { name: 'DBOS on PostgreSQL', role: 'peer', module: here('./dbos.ts'), needs: 'postgres' },
    {
      name: 'Restate',
      role: 'peer',
      module: here('./restate.ts'),
      noSlowFlush: 'its server is linked statically, so its flushes cannot be delayed',
    },
  ],
  targets: [
    { figure: '50 at once', bound: 1_500 },
    { figure: 'alone, p50', bound: 3 },
    { figure: '50 at once', to: 'DBOS on PostgreSQL', bound: 10 },
    { figure: '50 at once', to: 'Restate', bound: 5 },
    { figure: '50 at once', to: 'DBOS on PostgreSQL', bound: 10, flush: 'slow' },
  ],
  notes: [
    'Each step writes a row of its own. In Ramet the three services have a store each, every step leaves a fence in the transaction of its effect and has an undo; the saga is started by a durable command.',
    'DBOS and Restate run the steps at least once, without fences; the step writes one row (DBOS: in PostgreSQL; Restate: its journal is the row).',
  ],
} satisfies Row;
