import { expect, test } from 'vitest';
import { campaign, type RunOne } from './campaign.ts';
import type { RunResult } from './face.ts';
import type { FaultKind } from './faults.ts';

const ids = (n: number) => Array.from({ length: n }, (_, i) => `${i % 2 ? 'kill' : 'delay'}@place${i}#${i + 30}`);

/** Runs that break `broken` when all needed faults are among those that happen, and something else when they are not. */
function runs(needed: readonly string[], { broken = 'INV-X', otherwise = [] as string[], seeds = /./ } = {}) {
  const asked: { seed: string; only: readonly string[] | undefined }[] = [];
  const run: RunOne = async (seed, { only, deployment = 'one' } = {}) => {
    asked.push({ seed, only });
    const happened = only ?? ids(60);
    const violated = seeds.test(seed) ? (needed.every((id) => happened.includes(id)) ? [broken] : otherwise) : [];
    const result: RunResult = {
      ...{
        seed,
        deployment,
        traceHash: `${seed}`,
        events: 10,
        simulatedMs: 100,
        mode: 'safety' as const,
        points: [],
        logged: [],
        trace: [`with ${happened.length}`],
      },
      violations: violated.map((id) => ({ id, detail: `${happened.length} faults` })),
      fired: happened.map((id) => ({ id, kind: id.split('@')[0] as FaultKind, at: 0 })),
      sometimes: ['rarely'],
    };
    return result;
  };
  return { asked, run };
}

test('the failure of a seed is reported with the faults that it needs, and as it looks with them', async () => {
  const needed = ['kill@place7#37', 'delay@place20#50'];
  const { run } = runs(needed, { otherwise: ['INV-OTHER'] });
  const { failures } = await campaign(run, { seeds: 1, deployment: 'two' });
  expect(failures).toMatchObject([
    {
      seed: '1',
      deployment: 'two',
      violations: [{ id: 'INV-X', detail: '2 faults' }],
      trace: ['with 2'],
      logged: [],
      shrunkIn: expect.any(Number),
    },
  ]);
  expect([...(failures[0]?.faults ?? [])].sort()).toEqual([...needed].sort());
});

test('the faults of a failure stay as they are on request', async () => {
  const { run, asked } = runs([]);
  const { failures } = await campaign(run, { seeds: 1, keepFaults: true });
  expect(failures).toMatchObject([{ shrunkIn: 0, faults: ids(60) }]);
  expect(asked).toHaveLength(1);
});

test('a campaign ends after so many failures, and sums up what it saw', async () => {
  const { run } = runs([], { seeds: /[02468]$/ });
  const progress: number[] = [];
  const report = await campaign(run, {
    seeds: 100,
    from: 7,
    failuresMax: 3,
    twiceEvery: 5,
    keepFaults: true,
    onProgress: (r) => progress.push(r.seeds),
  });
  expect(report.failures.map(({ seed }) => seed)).toEqual(['8', '10', '12']);
  expect(report).toMatchObject({
    seeds: 6,
    runs: 7,
    repeated: 1,
    events: 60,
    simulatedMs: 600,
    sometimes: { rarely: 6 },
    deployments: { one: 6 },
  });
  expect(report.faults).toEqual({ kill: 180, delay: 180 });
  expect(progress).toEqual([1, 2, 3, 4, 5, 6]);
});

test('several runs are under way at once, and each seed is run once', async () => {
  const { run, asked } = runs(['nothing']);
  let underWay = 0;
  let most = 0;
  const slow: RunOne = async (...args) => {
    most = Math.max(most, ++underWay);
    await new Promise((resolve) => setImmediate(resolve));
    underWay--;
    return run(...args);
  };
  await campaign(slow, { seeds: 10, atOnce: 3, twiceEvery: 100 });
  expect(most).toBe(3);
  expect(asked.map(({ seed }) => Number(seed)).sort((a, b) => a - b)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
});
