import type { Row } from '../core/row.ts';

const here = (name: string) => new URL(name, import.meta.url);

export default {
  id: '1.6',
  title: 'The whole shop in one process: ready after its start, and resident memory when idle',
  commits: false,
  figures: {
    'first start': { unit: 's', better: 'lower' },
    'next start': { unit: 's', better: 'lower' },
    memory: { unit: 'MB', better: 'lower' },
  },
  contenders: [
    { name: 'the shop', role: 'ours', module: here('./shop.ts') },
    { name: "Restate's server alone", role: 'peer', module: here('./restate.ts') },
  ],
  targets: [
    { figure: 'next start', bound: 1.5 },
    { figure: 'first start', bound: 1.5 },
    { figure: 'memory', bound: 180 },
    { figure: 'memory', to: "Restate's server alone", bound: 1 },
  ],
  notes: [
    "Nine services, the gateway, the operators' interface, run from the TypeScript sources with Node's compile cache; the first start makes the databases and fills the shop.",
    'The memory is of the one process that the shop is, not of the payment provider and the mail catcher beside it, which stand for systems of others.',
  ],
} satisfies Row;
