import type { Row } from '../core/row.ts';

const module = new URL('./policies.ts', import.meta.url);

export default {
  id: '1.2',
  title: 'The policies of one call around nothing: deadline, retry, breaker, bulkhead',
  commits: false,
  figures: { 'a call': { unit: 'ns', better: 'lower' }, 'CPU a call': { unit: 'ns', better: 'lower' } },
  contenders: [
    { name: 'a breaker by hand', role: 'limit', module, variant: 'hand' },
    { name: 'Ramet', role: 'ours', module: new URL('./ramet.ts', import.meta.url) },
    { name: 'cockatiel, breaker alone', role: 'peer', module, variant: 'cockatiel-breaker' },
    { name: 'cockatiel, four policies', role: 'peer', module, variant: 'cockatiel-four' },
    { name: 'opossum', role: 'peer', module, variant: 'opossum' },
  ],
  targets: [
    { figure: 'a call', bound: 1_000 },
    { figure: 'a call', to: 'opossum', bound: 0.4 },
    { figure: 'CPU a call', to: 'opossum', bound: 0.4 },
    { figure: 'a call', to: 'cockatiel, four policies', bound: 0.05 },
  ],
  notes: ["Ramet's figure is a call through a client with the default policy, to a transport that answers at once."],
} satisfies Row;
