import { expect, test } from 'vitest';
import { z } from 'zod';
import { command, contract, saga, service, sql, use } from '../index.ts';
import { topology } from '../runtime/index.ts';
import { FAULT_KINDS, simulate } from './index.ts';

/* Orders that are shipped, some of which the carrier's code cannot bear: what becomes of all the others. */

const Ref = z.object({ id: z.string() });
const Carrier = contract('carrier', { commands: { book: command({ input: Ref }), unbook: command({ input: Ref }) } });
const Orders = contract('orders', {
  commands: { place: command({ input: Ref }), accept: command({ input: Ref }), drop: command({ input: Ref }) },
});
const store = sql<{}>({ migrations: {} });

/** @param pivots whether what is booked comes after a step that cannot be undone */
function shop(fails: (id: string) => boolean, pivots = false) {
  const carrier = service(Carrier, { store }).implement({
    commands: {
      book: ({ id }) => {
        if (fails(id)) throw new Error('the label cannot be printed');
      },
      unbook: () => {},
    },
  });
  const ship = saga('ship', {
    input: Ref,
    key: 'id',
    uses: { orders: use(Orders), carrier: use(Carrier) },
    async run({ id }, { use, step, pivot }) {
      if (pivots) {
        await pivot('accept', use.orders.accept({ id }));
        await step('book', use.carrier.book({ id }), { undo: 'nothing' });
        return;
      }
      await step('accept', use.orders.accept({ id }), { undo: use.orders.drop({ id }) });
      await step('book', use.carrier.book({ id }), { undo: use.carrier.unbook({ id }) });
    },
  });
  const orders = service(Orders, { store }).implement({
    sagas: [ship],
    commands: { place: (order, { start }) => start(ship, order), accept: () => {}, drop: () => {} },
  });
  return topology({ services: { carrier, orders }, profiles: {} });
}

const calm = Object.fromEntries(FAULT_KINDS.map((kind) => [kind, 0]));

/** Places orders, one every so often, and says how each ended. */
async function run(
  fails: (id: string, nowMs: number) => boolean,
  orders: readonly string[],
  everyMs: number,
): Promise<Map<string, string>> {
  const ended = new Map<string, string>();
  let nowMs = () => 0;
  const options: Parameters<typeof simulate>[1] = {
    seeds: 1,
    faults: calm,
    async scenario(sim) {
      nowMs = () => sim.now();
      for (const id of orders) {
        await sim.client(Orders).place({ id }, { key: id });
        await sim.sleep(everyMs);
      }
      await sim.sleep('7m');
      for (const { id, state } of await sim.rows<{ id: string; state: string }>(
        'orders',
        'select business_key as id, state from ramet_sagas',
      ))
        ended.set(id, state);
    },
  };
  const { failures } = await simulate(
    shop((id) => fails(id, nowMs())),
    options,
  );
  expect(failures).toEqual([]);
  return ended;
}

test('two bad orders cost none of a hundred and fifty others', async () => {
  const orders = Array.from({ length: 152 }, (_, i) => (i === 20 || i === 21 ? `bad-${i}` : `good-${i}`));
  const ended = await run((id) => id.startsWith('bad'), orders, 400);
  expect([...ended].filter(([, state]) => state !== 'COMPLETED').map(([id]) => id)).toEqual(['bad-20', 'bad-21']);
  expect(ended.size).toBe(152);
});

test('bad orders one after another open the circuit, and the others wait for it instead of being cancelled', async () => {
  const orders = Array.from({ length: 120 }, (_, i) => (i < 12 ? `bad-${i}` : `good-${i}`));
  const ended = await run((id) => id.startsWith('bad'), orders, 250);
  expect([...ended].filter(([id, state]) => id.startsWith('good') && state !== 'COMPLETED')).toEqual([]);
  expect([...ended].filter(([id, state]) => id.startsWith('bad') && state !== 'COMPENSATED')).toEqual([]);
});

test('while a participant fails for longer than the deadline of a step, orders that are not even tried wait for it', async () => {
  const orders = Array.from({ length: 100 }, (_, i) => `order-${i}`);
  const ended = await run((_, nowMs) => nowMs > 10_000 && nowMs < 100_000, orders, 500);
  const cancelled = [...ended].filter(([, state]) => state !== 'COMPLETED');
  // Some were tried, and failed, until their time was over. A circuit allows one now and then.
  expect(cancelled.length).toBeLessThan(25);
  expect(ended.size).toBe(100);
});

test('each saga behind an open circuit that can only go forward raises an alert within minutes, however few of them reach the participant', async () => {
  const ids = Array.from({ length: 60 }, (_, i) => `order-${i}`);
  let downMs = Number.POSITIVE_INFINITY;
  let nowMs = () => 0;
  const attention: unknown[] = [];
  const { failures } = await simulate(
    shop(() => nowMs() < downMs, true),
    {
      seeds: 1,
      faults: calm,
      async scenario(sim) {
        nowMs = () => sim.now();
        for (const id of ids) await sim.client(Orders).place({ id }, { key: id });
        await sim.sleep('7m');
        attention.push(...(await sim.rows('orders', 'select id from ramet_sagas where attention is not null')));
        downMs = sim.now();
        await sim.sleep('2m');
      },
    },
  );
  expect(failures).toEqual([]);
  expect(attention).toHaveLength(60);
});
