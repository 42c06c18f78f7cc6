import { expect, test } from 'vitest';
import { coins, onlyKind } from './fixtures/coins.fixture.ts';
import { FAULT_KINDS, FAULTS, simulate } from './index.ts';

// As often as a seed's mood allows: where a kind may strike, it does about every third time; where a kill may, every thirtieth.
const intensityOf = (kind: (typeof FAULT_KINDS)[number]) => (kind === 'kill' || kind === 'zombie' ? 0.03 : 0.3) / FAULTS[kind];

test.each(FAULT_KINDS)('%s happens, and is survived', async (kind) => {
  const { topology, ...simulation } = coins();
  const faults = onlyKind(kind, intensityOf(kind));
  const report = await simulate(topology, { ...simulation, faults, seeds: 8, twiceEvery: 4, deployment: 'services' });
  expect(report.failures).toEqual([]);
  expect(report.nondeterministic).toEqual([]);
  expect(Object.keys(report.faults)).toEqual([kind]);
});
