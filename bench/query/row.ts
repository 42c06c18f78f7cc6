import type { Row } from '../core/row.ts';

const here = (name: string) => new URL(name, import.meta.url);

export default {
  id: '1.1',
  title: 'A query call in one process, input and output validated, with deadline and trace context',
  commits: false,
  figures: { 'a call': { unit: 'ns', better: 'lower' }, 'CPU a call': { unit: 'ns', better: 'lower' } },
  contenders: [
    { name: 'plain await', role: 'limit', module: here('./plain.ts') },
    { name: 'the schemas alone', role: 'limit', module: here('./schemas.ts') },
    { name: 'Ramet', role: 'ours', module: here('./ramet.ts') },
    { name: 'NestJS CommandBus', role: 'peer', module: here('./nest.ts') },
    { name: 'Moleculer', role: 'peer', module: here('./moleculer.ts') },
    { name: 'Moleculer, validator and timeout', role: 'peer', module: here('./moleculer.ts'), variant: 'validated' },
    { name: 'Moleculer, validator, timeout, tracing, metrics', role: 'peer', module: here('./moleculer.ts'), variant: 'observed' },
  ],
  targets: [
    { figure: 'a call', to: 'Moleculer', bound: 1 },
    { figure: 'CPU a call', to: 'Moleculer', bound: 1 },
    { figure: 'a call', beside: 'the schemas alone', bound: 300 },
  ],
  notes: [
    'NestJS CommandBus and the first Moleculer validate nothing and have no deadline; NestJS carries no context.',
    'Ramet copies input and output by their schemas (zod), sets the deadline, counts the call in its metrics and carries the trace.',
  ],
} satisfies Row;
