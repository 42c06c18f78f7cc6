import { expect, test } from 'vitest';
import type { RunOne } from './campaign.ts';
import { explore } from './explore.ts';
import { coins, Jar, Tally } from './fixtures/coins.fixture.ts';
import type { Simulation } from './index.ts';
import { prepare } from './prepare.ts';
import { runSeed } from './run.ts';

/** One coin, and a client who asks again until it is in. */
const oneCoin = (simulation: Simulation): Simulation => ({
  ...simulation,
  async scenario(sim) {
    for (let attempt = 0; attempt < 10; attempt++) {
      const put = await sim
        .client(Jar)
        .put({ coin: 'one', worth: 1 })
        .then(() => true)
        .catch(() => false);
      if (put) break;
      await sim.sleep('300ms');
    }
    await sim.sleep('2s');
    await sim
      .client(Tally)
      .total({})
      .catch(() => undefined);
  },
});

async function explored(simulation: Simulation, deployment: string, before = () => {}) {
  const prepared = await prepare(oneCoin(simulation));
  const kills: string[] = [];
  const run: RunOne = async (seed, { only, ...options } = {}) => {
    before();
    const result = await runSeed(prepared, seed, { ...options, ...(only ? { only: new Set(only) } : {}) });
    if (options.kill) kills.push(`${options.kill.point} #${options.kill.n}: ${result.fired.length} ${result.deployment}`);
    return result;
  };
  const exploration = await explore(run, 'explore', deployment);
  prepared.dispose();
  return { ...exploration, kills };
}

test.each(['monolith', 'services'])('as %s, a right system survives a kill at every single point', async (deployment) => {
  const { points, failures, kills } = await explored(coins(), deployment);
  expect(failures).toEqual([]);
  expect(points).toBeGreaterThan(5);
  // Each point once, and nothing happens but that kill.
  expect(new Set(kills).size).toBe(points);
  expect(kills.filter((kill) => !kill.endsWith(`: 0 ${deployment}`))).toEqual([]);
  expect(kills.filter((kill) => kill.startsWith('client'))).toEqual([]);
});

test('a count beside the store is found by the one kill between its handler and the commit', async () => {
  let heard = 0;
  const simulation = coins({
    async count({ worth }, db) {
      heard += worth;
      await db.updateTable('tally').set({ worth: heard }).execute();
    },
  });
  const { points, failures } = await explored(simulation, 'services', () => {
    heard = 0;
  });
  expect(failures.map(({ point, n }) => `${point} #${n}`)).toEqual(['tally.sqlite.commit #2']);
  expect(points).toBeGreaterThan(failures.length);
  expect(failures[0]?.violations).toEqual([{ id: 'the tally has counted every coin once', detail: '2 were counted of 1' }]);
});

test('a scenario that fails without any kill is not explored', async () => {
  const { points, failures } = await explored(coins({ count: async () => {} }), 'services');
  expect(points).toBe(0);
  expect(failures).toMatchObject([{ point: '(none)', violations: [{ id: 'the tally has counted every coin once' }] }]);
});
