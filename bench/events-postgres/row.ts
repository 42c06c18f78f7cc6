import type { Row } from '../core/row.ts';

const here = (name: string) => new URL(name, import.meta.url);

export default {
  id: '2.3',
  title: 'From the outbox on PostgreSQL to the committed effect of a reaction, over the bus on PostgreSQL',
  commits: true,
  figures: {
    'a backlog': { unit: '/s', better: 'higher' },
    'CPU each': { unit: 'µs', better: 'lower' },
    'at low load, p50': { unit: 'ms', better: 'lower' },
    'at low load, p99': { unit: 'ms', better: 'lower' },
  },
  contenders: [
    { name: 'Ramet', role: 'ours', module: here('./ramet.ts'), needs: 'postgres' },
    { name: 'graphile-worker, tuned', role: 'peer', module: here('./graphile.ts'), variant: 'best', needs: 'postgres' },
    { name: 'graphile-worker', role: 'peer', module: here('./graphile.ts'), variant: 'default', needs: 'postgres' },
    { name: 'pg-boss, tuned', role: 'peer', module: here('./pg-boss.ts'), needs: 'postgres' },
    { name: 'BullMQ on Redis, fsync every second', role: 'peer', module: here('./bullmq.ts'), needs: 'redis' },
  ],
  targets: [
    { figure: 'a backlog', bound: 15_000 },
    { figure: 'a backlog', to: 'graphile-worker, tuned', bound: 1 },
    { figure: 'at low load, p50', bound: 4 },
    { figure: 'at low load, p99', bound: 12 },
  ],
  notes: [
    'A backlog: events that wait (20,000 of ours and of the tuned graphile-worker, 4,000 of the others) are handled by a process that starts to; from its first look at them to the last committed effect. At low load: 100 a second (open model), from when each was to be published, its commit included. The effect is one row. CPU is that of the client.',
    'In Ramet an event passes from the store of one service into the log of the bus, and from there to another service with its own role. Order is kept by key, and input is validated. The rows of the effect and of the inbox and the emitted events are one transaction, so the effect takes place once.',
    'The peers have one table of jobs and no order, and commit the effect before the job is done: it may take place twice. graphile-worker, tuned: 24 at once, 500 fetched and all ended together. pg-boss, tuned: batches of 100 by 4 workers, the effects of a batch in one statement. BullMQ: 24 at once; the effect is what the job returns; Redis loses up to a second of jobs in a crash.',
  ],
} satisfies Row;
