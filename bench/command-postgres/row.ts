import type { Row } from '../core/row.ts';

const here = (name: string) => new URL(name, import.meta.url);

export default {
  id: '2.2',
  title: 'A command on PostgreSQL: idempotency row, state through Kysely, event in the outbox, one commit',
  commits: true,
  figures: {
    '16 at once': { unit: '/s', better: 'higher' },
    'CPU each, 16 at once': { unit: 'µs', better: 'lower' },
    'alone, p50': { unit: 'ms', better: 'lower' },
    'alone, p99': { unit: 'ms', better: 'lower' },
  },
  contenders: [
    { name: 'one statement by hand, pg', role: 'limit', module: here('./by-hand.ts'), variant: 'one', needs: 'postgres' },
    { name: 'three statements by hand, pg', role: 'peer', module: here('./by-hand.ts'), variant: 'three', needs: 'postgres' },
    { name: 'Ramet', role: 'ours', module: here('./ramet.ts'), needs: 'postgres' },
  ],
  targets: [
    { figure: '16 at once', bound: 4_500 },
    { figure: '16 at once', to: 'three statements by hand, pg', bound: 1 },
  ],
  notes: [
    'By hand: begin, a row for the request, one for the order and one for the event, commit; prepared, one after the other; or all three rows in one statement. No validation, no positions, no look at whether the request is known. In Ramet the key is looked up, positions are dense per partition (16), and the commit can be looked up when its answer is lost. CPU is that of the client.',
  ],
} satisfies Row;
