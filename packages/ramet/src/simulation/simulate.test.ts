import { expect, test } from 'vitest';
import { coins, Jar, putAgain } from './fixtures/coins.fixture.ts';
import { FAULT_KINDS, replay, type Simulated, simulate } from './index.ts';

test('two right services keep every promise under every seed, in both deployments', async () => {
  const { topology, ...simulation } = coins();
  const report = await simulate(topology, { ...simulation, seeds: 40 });
  expect(report.failures).toEqual([]);
  expect(report.nondeterministic).toEqual([]);
  expect(report).toMatchObject({ seeds: 40, repeated: 2, runs: 42 });
  expect(Object.keys(report.deployments).sort()).toEqual(['monolith', 'services']);
  expect(Object.keys(report.faults).length).toBeGreaterThan(8);
});

test('a handler that adds at each call is found, with the one fault that it takes, and can be run again', async () => {
  const wrong = coins({ put: putAgain });
  const { topology, ...simulation } = wrong;
  const report = await simulate(topology, { ...simulation, seeds: 60, failuresMax: 1 });
  const [failure] = report.failures;
  if (!failure) throw new Error('not found');
  expect(failure.violations[0]?.id).toBe('the jar is worth its coins');
  expect(failure.faults).toHaveLength(1);
  expect(failure.faults[0]).toMatch(/@client>(monolith|jar)\.jar\.put#\d+$/);
  expect(failure.trace.length).toBeGreaterThan(10);
  const again = await replay(topology, simulation, failure);
  expect(again.violations).toEqual(failure.violations);
  expect(again.fired.map(({ id }) => id)).toEqual(failure.faults);
  // The same seed with the mistake mended.
  const { topology: mended, ...rest } = coins();
  expect((await replay(mended, rest, failure)).violations).toEqual([]);
});

test('a reaction that counts in a variable beside the store is found', async () => {
  let heard = 0;
  const { topology, ...simulation } = coins({
    async count({ worth }, db) {
      heard += worth;
      await db.updateTable('tally').set({ worth: heard }).execute();
    },
  });
  const scenario: typeof simulation.scenario = (sim) => {
    heard = 0;
    return simulation.scenario(sim);
  };
  const report = await simulate(topology, { ...simulation, scenario, faults: { kill: 10, 'disk-full': 10 }, seeds: 60, failuresMax: 1 });
  const [failure] = report.failures;
  expect(failure?.violations[0]?.id).toBe('the tally has counted every coin once');
  expect(failure?.faults).toHaveLength(1);
});

test('what fails without any fault is left with none', async () => {
  const { topology, ...simulation } = coins({ count: async () => {} });
  const { failures } = await simulate(topology, { ...simulation, seeds: 3, failuresMax: 1 });
  expect(failures).toMatchObject([{ faults: [], violations: [{ id: 'the tally has counted every coin once' }] }]);
});

test('what the scenario throws fails the run, and what setup throws is thrown', async () => {
  const { topology, ...simulation } = coins();
  const scenario = () => Promise.reject(new Error('no guest came'));
  const { failures } = await simulate(topology, { ...simulation, scenario, seeds: 1, keepFaults: true });
  expect(failures[0]?.violations[0]).toMatchObject({ id: 'run', detail: expect.stringContaining('no guest came') });
  const setup = () => Promise.reject(new Error('no coins'));
  await expect(simulate(topology, { ...simulation, setup, seeds: 1 })).rejects.toThrow('no coins');
});

test('a scenario that takes longer than it may fails by its name, and may be given more time', async () => {
  const { topology, ...simulation } = coins();
  const options = { ...simulation, seeds: 1, keepFaults: true, scenario: async (sim: Simulated) => sim.sleep('11m') };
  const { failures } = await simulate(topology, options);
  expect(failures[0]?.violations[0]).toMatchObject({
    id: 'run',
    detail: expect.stringContaining("after 600 s of simulated time the scenario has not ended; let it do less, or raise 'scenarioWithin'"),
  });
  expect((await simulate(topology, { ...options, scenarioWithin: '12m' })).failures).toEqual([]);
});

test('what setup puts into the stores is there in every run', async () => {
  const { topology, ...simulation } = coins();
  const setup: NonNullable<typeof simulation.setup> = async (sim) => sim.client(Jar).put({ coin: 'first', worth: 5 });
  const found: unknown[] = [];
  const scenario: typeof simulation.scenario = async (sim) => {
    found.push(...(await sim.rows('jar', 'select coin, worth from coins')));
    await sim
      .client(Jar)
      .put({ coin: 'second', worth: 1 })
      .catch(() => {});
  };
  const { failures } = await simulate(topology, { ...simulation, setup, scenario, seeds: 3 });
  expect(failures).toEqual([]);
  expect(found).toEqual(Array(3).fill({ coin: 'first', worth: 5 }));
});

test('a deployment that does not exist is refused by name', async () => {
  const { topology, ...simulation } = coins();
  await expect(simulate(topology, { ...simulation, seeds: 1, deployment: 'moon' })).rejects.toThrow(
    "there is no deployment 'moon'; there are monolith, services",
  );
});

test('an event that stays a dead letter breaks a promise, unless it is expected', async () => {
  const { topology, ...simulation } = coins({ count: () => Promise.reject(new Error('I cannot count')) });
  const faults = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0]));
  const broken = async (deadLetters?: 'expected') => {
    const options = { ...simulation, ...(deadLetters ? { deadLetters } : {}), faults, seeds: 1, keepFaults: true };
    return (await simulate(topology, options)).failures.flatMap(({ violations }) => violations.map(({ id }) => id));
  };
  expect(await broken()).toContain('INV-12');
  expect(await broken('expected')).not.toContain('INV-12');
});
