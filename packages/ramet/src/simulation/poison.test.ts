import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { command, contract, effect, external, saga, service, sql, use } from '../index.ts';
import { topology } from '../runtime/index.ts';
import { insisting } from './fixtures/coins.fixture.ts';
import { FAULT_KINDS, type Simulated, simulate } from './index.ts';

/* Work that ends the process each time it is started, and what becomes of it and of all that is under way beside it. */

const Ref = z.object({ id: z.string() });
const Carrier = contract('carrier', {
  commands: { book: command({ input: Ref }), unbook: command({ input: Ref }), note: command({ input: Ref }), buy: command({ input: Ref }) },
});
const Orders = contract('orders', {
  commands: {
    place: command({ input: Ref.extend({ how: z.string() }) }),
    tell: command({ input: Ref }),
    accept: command({ input: Ref }),
    drop: command({ input: Ref }),
  },
});
const store = sql<{}>({ migrations: {} });

/** What the poison does where: ends the process that it runs in, for ever. */
type Kills = (where: string, id: string) => Promise<void> | void;

function shop(kills: Kills) {
  const carrier = service(Carrier, { store, uses: { bank: external('bank', { url: 'http://bank.example' }) } }).implement({
    commands: {
      book: ({ id }) => kills('book', id),
      unbook: ({ id }) => kills('unbook', id),
      note: ({ id }) => kills('note', id),
      buy: effect({
        request: Ref,
        outcome: Ref,
        intend: (order) => order,
        perform: async (order) => {
          await kills('perform', order.id);
          return order;
        },
        record: () => {},
        reject: () => {},
      }),
    },
  });
  const ship = saga('ship', {
    input: Ref.extend({ how: z.string() }),
    key: 'id',
    uses: { orders: use(Orders), carrier: use(Carrier) },
    async run({ id, how }, { use, step, pivot }) {
      await step('accept', use.orders.accept({ id }), { undo: use.orders.drop({ id }) });
      if (how === 'program') await kills('program', id);
      if (how === 'pivot') await pivot('book', use.carrier.book({ id }));
      else if (how === 'buy') await step('buy', use.carrier.buy({ id }), { undo: 'nothing', deadline: '1h' });
      else await step('book', use.carrier.book({ id }), { undo: use.carrier.unbook({ id }), deadline: '1h' });
      if (how === 'undo') throw new Error('changed its mind');
    },
  });
  const orders = service(Orders, { store, uses: { carrier: use(Carrier) } }).implement({
    sagas: [ship],
    commands: {
      place: (order, { start }) => start(ship, order),
      tell: (order, { send }) => send(Carrier.commands.note, order),
      accept: () => {},
      drop: () => {},
    },
  });
  return topology({ services: { carrier, orders }, profiles: {} });
}

const calm = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0]));

/** Runs orders of one kind, one of them poison. @returns how each ended, how often each was started, what was given up */
async function run(deployment: string, where: string, how: string) {
  const counts = new Map<string, number>();
  let starts: ReadonlyMap<string, number> = counts;
  let cured = false;
  let end: Simulated | undefined;
  const states: Record<string, string> = {};
  let givenUp: string[] = [];
  const kills: Kills = async (at, id) => {
    if (at !== where) return;
    counts.set(id, (counts.get(id) ?? 0) + 1);
    if (id !== 'poison' || cured) return;
    end?.kill(where === 'program' ? 'orders' : 'carrier', '300ms');
    await new Promise(() => {});
  };
  const { failures } = await simulate(shop(kills), {
    faults: calm,
    deployments: { together: { all: ['carrier', 'orders'] }, apart: { carrier: ['carrier'], orders: ['orders'] } },
    deployment,
    seeds: 1,
    settleWithin: '1m',
    keepFaults: true,
    externals: { bank: () => () => ({ status: 200 }) },
    async scenario(sim) {
      end = sim;
      const ask = (id: string) =>
        where === 'note' ? sim.client(Orders).tell({ id }, { key: id }) : sim.client(Orders).place({ id, how }, { key: id });
      for (const id of ['a', 'b', 'poison', 'c', 'd']) await insisting(sim, () => ask(id));
      await sim.sleep('9m');
      starts = new Map(counts);
      for (const { id, state } of await sim.rows<{ id: string; state: string }>(
        'orders',
        'select business_key as id, state from ramet_sagas',
      ))
        states[id] = state;
      // A new version is deployed: what operators retry comes to its end.
      cured = true;
      givenUp = (await sim.rows<{ lane: string }>('orders', 'select lane from ramet_timers where given_up_at is not null')).map(
        ({ lane }) => lane,
      );
    },
  });
  return { states, starts, givenUp, wrong: failures.flatMap(({ violations }) => violations.map(({ detail }) => detail)) };
}

const others = (state: string) => ({ a: state, b: state, c: state, d: state });

describe.each(['together', 'apart'])('with the services %s', (deployment) => {
  test('a step that ends its process is given up after eight starts and undone, and no other order suffers', async () => {
    const { states, starts, wrong } = await run(deployment, 'book', 'step');
    expect(wrong).toEqual([]);
    expect(states).toEqual({ ...others('COMPLETED'), poison: 'COMPENSATED' });
    expect(starts.get('poison')).toBe(8);
  });

  test('a pivot that ends its process waits for an operator after eight starts', async () => {
    const { states, starts, wrong } = await run(deployment, 'book', 'pivot');
    expect(wrong).toEqual([expect.stringContaining('1 sagas are open'), expect.stringContaining('has ended as DIVERGED')]);
    expect(states).toEqual({ ...others('COMPLETED'), poison: 'DIVERGED' });
    expect(starts.get('poison')).toBe(8);
  });

  test('an undo that ends its process waits for an operator after eight starts', async () => {
    const { states, starts, wrong } = await run(deployment, 'unbook', 'undo');
    expect(wrong).toEqual([]);
    expect(states).toEqual({ ...others('COMPENSATED'), poison: 'COMPENSATION_FAILED' });
    expect(starts.get('poison')).toBe(8);
  });

  test('an effect that ends its process is left to an operator after eight starts', async () => {
    const { states, starts, wrong } = await run(deployment, 'perform', 'buy');
    expect(wrong).toEqual([]);
    expect({ ...states, poison: undefined }).toEqual({ ...others('COMPLETED'), poison: undefined });
    expect(starts.get('poison')).toBe(8);
  });

  test('a program that ends its process is suspended after eight to ten runs', async () => {
    const { states, starts, wrong } = await run(deployment, 'program', 'program');
    expect(wrong).toEqual([expect.stringContaining('1 sagas are open'), expect.stringContaining('has ended as DIVERGED')]);
    expect(states).toEqual({ ...others('COMPLETED'), poison: 'DIVERGED' });
    expect(starts.get('poison')).toBeGreaterThanOrEqual(8);
    expect(starts.get('poison')).toBeLessThanOrEqual(10);
  });

  test('a sent command that ends the process of its target is given up after eight starts', async () => {
    const { starts, givenUp } = await run(deployment, 'note', '');
    expect(givenUp).toEqual(['carrier.note']);
    expect(Object.fromEntries(starts)).toMatchObject({ poison: 8 });
    for (const id of ['a', 'b', 'c', 'd']) expect(starts.get(id)).toBeGreaterThanOrEqual(1);
  });
});
