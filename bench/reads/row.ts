import type { Row } from '../core/row.ts';

const module = new URL('./ramet.ts', import.meta.url);

export default {
  id: '1.3r',
  title: 'Queries that write nothing, 500 a second, while commands commit (open model)',
  commits: true,
  figures: {
    p50: { unit: 'ms', better: 'lower' },
    p99: { unit: 'ms', better: 'lower' },
    'p99.9': { unit: 'ms', better: 'lower' },
    'loop in flushes': { unit: '%', better: 'lower' },
  },
  contenders: [
    { name: 'Ramet, no commands', role: 'limit', module, variant: '0' },
    { name: 'Ramet beside 100 commands/s', role: 'ours', module, variant: '100' },
  ],
  targets: [{ figure: 'loop in flushes', bound: 1, flush: 'slow' }],
  notes: [
    'The target: with a flush of 3 ms no more than 1.2 times what it is with the flush of this disk.',
    '"loop in flushes" is the share of time in which the event loop stands in a flush; it does not depend on what else the machine does.',
  ],
} satisfies Row;
