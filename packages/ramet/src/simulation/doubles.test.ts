import { expect, test } from 'vitest';
import { z } from 'zod';
import { command, contract, external, service } from '../index.ts';
import { topology } from '../runtime/index.ts';
import { coins } from './fixtures/coins.fixture.ts';
import { type OutsideRequest, type SimulationOptions, simulate } from './index.ts';

const None = z.object({});
const Till = contract('till', { commands: { pay: command({ input: None, output: z.object({ said: z.array(z.string()) }) }) } });
const uses = {
  bank: external('bank', { url: 'http://partner.example' }),
  payouts: external('payouts', { url: 'http://partner.example/payouts/v2' }),
  parcels: external('parcels', { url: 'http://partner.example' }),
};
const till = service(Till, { uses }).implement({
  commands: {
    pay: {
      prepare: async (_, { use }) => {
        const answers = [await use.bank.fetch('/pay?a=1'), await use.payouts.fetch('/pay'), await use.parcels.fetch('/')];
        return Promise.all(answers.map((answer) => answer.text()));
      },
      run: async (_input, _ctx, said: string[]) => ({ said }),
    },
  },
});
const named =
  (name: string) =>
  () =>
  ({ path }: OutsideRequest) => ({ status: 200, body: `${name} at ${path}` });

function run(options: Partial<SimulationOptions>) {
  const scenario = options.scenario ?? (async () => {});
  return simulate(topology({ services: { till }, profiles: {} }), { faults: {}, ...options, scenario, seeds: 1, keepFaults: true });
}
const calm = { kill: 0, 'lose-request': 0, 'lose-reply': 0, 'external-error': 0, reset: 0, refuse: 0 };

test('a double answers for the system of its name, also where two have one URL or the URL of one begins another', async () => {
  const said: unknown[] = [];
  const externals = { parcels: named('parcels'), payouts: named('payouts'), bank: named('bank') };
  const { failures } = await run({
    externals,
    faults: calm,
    async scenario(sim) {
      said.push((await sim.client(Till).pay({})).said);
    },
  });
  expect(failures).toEqual([]);
  expect(said).toEqual([['bank at /pay?a=1', 'payouts at /pay', 'parcels at /']]);
});

test('a system that is asked and has no double fails the run by its name', async () => {
  const { failures } = await run({
    externals: { bank: named('bank'), payouts: named('payouts') },
    faults: calm,
    async scenario(sim) {
      await sim
        .client(Till)
        .pay({})
        .catch(() => {});
    },
  });
  expect(failures[0]?.violations[0]).toMatchObject({
    id: 'escape',
    detail: expect.stringContaining("give a double of 'parcels' in 'externals'"),
  });
});

test('an object in the place of a function fails the run by the name of the system', async () => {
  const { failures } = await run({
    externals: { bank: () => ({}), payouts: named('payouts'), parcels: named('parcels') },
    faults: calm,
    async scenario(sim) {
      await sim
        .client(Till)
        .pay({})
        .catch(() => {});
    },
  });
  expect(failures[0]?.violations[0]?.detail).toContain("the double of 'bank' is an object");
});

test('a double that no service uses is refused with the names that there are', async () => {
  await expect(run({ externals: { bnak: named('bank') } })).rejects.toThrow(
    "'externals' has doubles of bnak, which no external() in 'uses' declares; there are bank, payouts, parcels",
  );
});

test('what a service cannot start for is thrown at once', async () => {
  const { topology: one, ...simulation } = coins();
  const wrong = service(contract('wrong', { commands: { go: command({ input: None, http: 'FETCH /it' }) } })).implement({
    commands: { go: () => {} },
  });
  const services = { ...one.services, wrong: async () => ({ default: wrong }) };
  await expect(simulate(topology({ services, profiles: {} }), { ...simulation, seeds: 1 })).rejects.toThrow(
    /http 'FETCH \/it' is not a route/,
  );
});
