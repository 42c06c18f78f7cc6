import type { Row } from '../core/row.ts';

const here = (name: string) => new URL(name, import.meta.url);

export default {
  id: '2.4',
  title: 'A saga of three steps on PostgreSQL, from its start to its stored end',
  commits: true,
  figures: {
    '50 at once': { unit: '/s', better: 'higher' },
    'alone, throughput': { unit: '/s', better: 'higher' },
    'alone, p50': { unit: 'ms', better: 'lower' },
    'alone, p99': { unit: 'ms', better: 'lower' },
  },
  contenders: [
    { name: 'Ramet', role: 'ours', module: here('./ramet.ts'), variant: 'postgres', needs: 'postgres' },
    { name: 'DBOS', role: 'peer', module: here('./dbos.ts'), needs: 'postgres' },
  ],
  targets: [
    { figure: '50 at once', bound: 1_500 },
    { figure: '50 at once', to: 'DBOS', bound: 10 },
    { figure: 'alone, p50', bound: 3.5 },
  ],
  notes: [
    'In Ramet the three services have a role and a schema each, every step leaves a fence in the transaction of its effect and has an undo; the saga is started by a durable command. DBOS runs the steps at least once, without fences.',
  ],
} satisfies Row;
