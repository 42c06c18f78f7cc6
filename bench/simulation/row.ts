import type { Row } from '../core/row.ts';

export default {
  id: '1.8',
  title: 'Simulated checkouts: seeds per second and core',
  commits: false,
  rounds: 3,
  figures: { seeds: { unit: '/s', better: 'higher' } },
  contenders: [{ name: 'npm run simulate, one worker', role: 'ours', module: new URL('./simulate.ts', import.meta.url) }],
  targets: [{ figure: 'seeds', bound: 10 }],
} satisfies Row;
