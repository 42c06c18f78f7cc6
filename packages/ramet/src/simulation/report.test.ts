import { expect, test } from 'vitest';
import { coins, Jar } from './fixtures/coins.fixture.ts';
import { assertKept, formatFailure, invariant, replay, simulate } from './index.ts';

async function textOf(run: Promise<unknown>): Promise<string> {
  return run.then(
    () => 'nothing was thrown',
    (error: Error) => error.message,
  );
}
const calm = {
  ...Object.fromEntries(['kill', 'delay', 'pause', 'zombie', 'duplicate', 'lose-request', 'lose-reply'].map((kind) => [kind, 0])),
};

test('a failure says what broke, the stack of the handler, and the call that runs it again', async () => {
  const { topology, ...simulation } = coins({ put: () => Promise.reject(new TypeError('coin has no side')) });
  const scenario: typeof simulation.scenario = async (sim) => {
    await sim.client(Jar).put({ coin: 'one', worth: 1 });
  };
  const report = await simulate(topology, { ...simulation, scenario, faults: calm, seeds: 1, deployment: 'services' });
  const text = await textOf((async () => assertKept(report))());
  expect(text).toMatch(/^the simulation found 1 of 1 seeds that break a promise\n\nseed 1, as services\n {2}BROKEN run: /);
  expect(text).toMatch(/\n {2}! \S+ jar\/1 [^\n]*\n {4}TypeError: coin has no side\n {8}at .*report\.test\.ts/);
  expect(text).toContain("\n  replay: await replay(topology, simulation, { seed: '1', deployment: 'services', faults: [");
});

test('the call that runs a failure again can be pasted, whatever is in the ids of its faults', async () => {
  const faults = ["lose-request@a>b.it's.\\#1"];
  const text = formatFailure({ seed: '7', deployment: 'pair', violations: [], faults, shrunkIn: 0, trace: [], logged: [] });
  const call = /replay: await replay\(topology, simulation, (.*)\)/.exec(text)?.[1];
  expect(new Function(`return ${call}`)()).toEqual({ seed: '7', deployment: 'pair', faults });
});

test('a campaign that found nothing is not an error', async () => {
  const { topology, ...simulation } = coins();
  expect(() => assertKept({ ...EMPTY, seeds: 3 })).not.toThrow();
  assertKept(await simulate(topology, { ...simulation, seeds: 2 }));
});

test('a second run that took another way fails too', () => {
  expect(() => assertKept({ ...EMPTY, nondeterministic: ['20', '40'] })).toThrow(/second run of seed 20, 40 took another way/);
});

test('a check answers nothing, a list or a text, and one that fails breaks its promise by its name', async () => {
  const { topology, ...simulation } = coins();
  const invariants = [
    invariant('nothing', 'end', () => {}),
    invariant('nothing, later', 'end', async () => undefined),
    invariant('an empty list', 'always', () => []),
    invariant('a text', 'end', () => 'one is missing'),
    invariant('a list', 'end', async () => ['two', 'three']),
    invariant('no answer', 'end', () => false as never),
    invariant('a mistake', 'end', () => {
      throw new TypeError('no such column');
    }),
  ];
  const { violations } = await replay(topology, { ...simulation, invariants }, { seed: '1', deployment: 'monolith', faults: [] });
  expect(violations).toEqual([
    { id: 'a text', detail: 'one is missing' },
    { id: 'a list', detail: 'two' },
    { id: 'a list', detail: 'three' },
    { id: 'no answer', detail: 'the check answered false: answer what is wrong, in words, or nothing' },
    { id: 'a mistake', detail: expect.stringMatching(/^the check failed: TypeError: no such column\n.*report\.test\.ts/s) },
  ]);
});

const EMPTY = {
  ...{ seeds: 0, runs: 0, events: 0, simulatedMs: 0, repeated: 0 },
  ...{ faults: {}, deployments: {}, modes: {}, sometimes: {}, nondeterministic: [] as string[], failures: [] },
};
