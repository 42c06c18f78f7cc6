import { fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { coins } from './fixtures/coins.fixture.ts';
import { hashesOf } from './fixtures/hashes.fixture.ts';
import { simulate } from './index.ts';

const seeds = Array.from({ length: 12 }, (_, n) => `${n + 1}`);

test('a seed does the same twice in one process, and in another one', async () => {
  const first = await hashesOf(seeds);
  expect(new Set(first).size).toBe(seeds.length);
  // In another order, so that what one run leaves behind would show in the next.
  expect((await hashesOf([...seeds].reverse())).reverse()).toEqual(first);
  const fixture = fileURLToPath(new URL('./fixtures/hashes.fixture.ts', import.meta.url));
  const child = fork(fixture, ['hashes', ...seeds], { execArgv: ['-C', 'ramet-source', '--disable-warning=ExperimentalWarning'] });
  const hashes = await new Promise((resolve, reject) => child.on('message', resolve).on('exit', reject));
  expect(hashes).toEqual(first);
});

test('a run that depends on what ran before it is reported', async () => {
  let runs = 0;
  const { topology, ...simulation } = coins();
  const scenario: typeof simulation.scenario = async (sim) => {
    if (runs++ % 2 === 0) await sim.sleep('1s');
    await simulation.scenario(sim);
  };
  const report = await simulate(topology, { ...simulation, scenario, seeds: 4, twiceEvery: 2 });
  expect(report).toMatchObject({ repeated: 2, nondeterministic: ['2', '4'], failures: [] });
});
