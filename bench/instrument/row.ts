import type { Row } from '../core/row.ts';

const module = new URL('./ramet.ts', import.meta.url);

export default {
  id: '1.1i',
  title: 'What listening to a query call costs: nothing, metrics, and a span for each piece of work',
  commits: false,
  figures: { 'a call': { unit: 'ns', better: 'lower' }, 'CPU a call': { unit: 'ns', better: 'lower' } },
  contenders: [
    { name: 'nothing listens', role: 'limit', module, variant: 'silent' },
    { name: 'metrics, as every process has them', role: 'ours', module, variant: 'metrics' },
    { name: 'metrics and spans', role: 'peer', module, variant: 'spans' },
  ],
  targets: [{ figure: 'a call', to: 'nothing listens', bound: 1.1 }],
  notes: ['A query call is three pieces of work: the call, its attempt and the operation. The spans get ids and parents, and are dropped.'],
} satisfies Row;
