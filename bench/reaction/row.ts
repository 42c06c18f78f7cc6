import type { Row } from '../core/row.ts';

export default {
  id: '1.4',
  title: 'An event to the committed effect of its reaction in another service, at low load',
  commits: true,
  figures: { p50: { unit: 'ms', better: 'lower' }, p99: { unit: 'ms', better: 'lower' }, 'flushes each': { unit: '', better: 'lower' } },
  contenders: [
    { name: 'Ramet', role: 'ours', module: new URL('./ramet.ts', import.meta.url) },
    {
      name: 'BullMQ, fsync every second',
      role: 'peer',
      module: new URL('./bullmq.ts', import.meta.url),
      needs: 'redis',
    },
    { name: 'BullMQ, fsync always', role: 'peer', module: new URL('./bullmq.ts', import.meta.url), needs: 'redis-always' },
  ],
  targets: [
    { figure: 'p50', bound: 1 },
    { figure: 'p99', bound: 5 },
    { figure: 'p50', to: 'BullMQ, fsync every second', bound: 1 },
    { figure: 'p50', to: 'BullMQ, fsync always', bound: 1, flush: 'slow' },
  ],
  notes: [
    "Timed from the publisher's call to the commit of the effect, so the publisher's own commit is in it; 100 events a second.",
    'Redis that syncs every second loses up to a second of jobs in a crash; Ramet and "always" lose nothing.',
  ],
} satisfies Row;
