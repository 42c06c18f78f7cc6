import { afterEach, expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { replayDeadLetter } from '../bus/index.ts';
import { type AnyContract, command, contract, event } from '../contract/index.ts';
import { service, sql } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
import type { Runtime } from './options.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

/*
 * One event over three versions of a contract: the total was a number of cents, then an amount with a currency, then it got a
 * channel. The publisher and the consumer are deployed at different times.
 */
const Input = z.object({ orderId: z.string() });
const V1 = z.object({ orderId: z.string(), total: z.int() });
const V2 = z.object({ orderId: z.string(), total: z.object({ amount: z.int(), currency: z.string() }) });
const V3 = V2.extend({ channel: z.string() });
const upcast = {
  1: ({ orderId, total }: z.infer<typeof V1>) => ({ orderId, total: { amount: total, currency: 'EUR' } }),
  2: (old: z.infer<typeof V2>) => ({ ...old, channel: 'web' }),
};
const shop = (version: 1 | 2 | 3) =>
  contract('shop', {
    commands: { place: command({ input: Input }) },
    events: { Placed: event(version === 1 ? V1 : version === 2 ? V2 : V3, { key: 'orderId', version, ...stepsTo(version) }) },
  });
const stepsTo = (version: number) =>
  version === 1 ? {} : { upcast: Object.fromEntries(Object.entries(upcast).filter(([from]) => Number(from) < version)) };

const FACTS = {
  1: { total: 5 },
  2: { total: { amount: 5, currency: 'EUR' } },
  3: { total: { amount: 5, currency: 'EUR' }, channel: 'shop' },
};
const publisher = (version: 1 | 2 | 3) =>
  service(shop(version), { store: sql<{}>({ migrations: {} }) }).implement({
    commands: { place: ({ orderId }, { emit }) => emit.Placed({ orderId, ...FACTS[version] } as never) },
  });
const consumer = (version: 1 | 2 | 3, seen: unknown[]) =>
  service(contract('mails', {}), { store: sql<{}>({ migrations: {} }) }).implement({
    reactions: (on) => [on(shop(version).events.Placed, (data) => void seen.push(data))],
  });

const running: Runtime[] = [];
afterEach(async () => {
  for (const runtime of running.splice(0)) await runtime.stop();
});
async function open(folder: string, published: 1 | 2 | 3, consumed: 1 | 2 | 3, seen: unknown[]): Promise<Runtime> {
  for (const runtime of running.splice(0)) await runtime.stop();
  const runtime = await start(
    topology({
      services: { shop: async () => ({ default: publisher(published) }), mails: async () => ({ default: consumer(consumed, seen) }) },
      profiles: { monolith: { store: sqlite(folder), bus: embedded() } },
    }),
    { logTo: () => {} },
  );
  running.push(runtime);
  return runtime;
}
const place = (runtime: Runtime, orderId: string) => (runtime.client(shop(1) as AnyContract) as any).place({ orderId });
const letters = (runtime: Runtime) =>
  runtime.services
    .get('mails')
    ?.store.reader.all<{ key: string; reason: string; error: string }>('select key, reason, error from ramet_dead_letters order by key') ??
  Promise.resolve([]);
const euros = { amount: 5, currency: 'EUR' };

test('a consumer of the newest version reads what was published in every version before', async () => {
  using folder = temporaryFolder();
  const seen: unknown[] = [];
  const first = await open(folder.path, 1, 3, seen);
  await place(first, 'o1');
  await eventually(() => seen.length === 1);
  const second = await open(folder.path, 2, 3, seen);
  await place(second, 'o2');
  await eventually(() => seen.length === 2);
  const third = await open(folder.path, 3, 3, seen);
  await place(third, 'o3');
  await eventually(() => seen.length === 3);
  expect(seen).toEqual([
    { orderId: 'o1', total: euros, channel: 'web' },
    { orderId: 'o2', total: euros, channel: 'web' },
    { orderId: 'o3', total: euros, channel: 'shop' },
  ]);
  expect(await letters(third)).toEqual([]);
});

test('a version that the consumer does not know yet is parked with its key, neither dropped nor fatal, and replayed after its deployment', async () => {
  using folder = temporaryFolder();
  const seen: any[] = [];
  const old = await open(folder.path, 3, 1, seen);
  await place(old, 'new');
  await eventually(async () => (await letters(old)).length === 1);
  await place(old, 'new');
  await eventually(async () => (await old.services.get('mails')?.store.reader.all('select 1 from ramet_parked'))?.length === 1);
  expect(await letters(old)).toMatchObject([
    { key: 'new', reason: 'UnknownEvent', error: expect.stringContaining('has version 3; the newest known version is 1') },
  ]);
  expect(seen).toEqual([]);

  const deployed = await open(folder.path, 3, 3, seen);
  const store = deployed.services.get('mails')?.store;
  const [letter] = (await store?.reader.all<{ id: string }>('select id from ramet_dead_letters')) ?? [];
  await replayDeadLetter(store as never, letter?.id as string);
  await eventually(() => seen.length === 2);
  expect(await letters(deployed)).toEqual([]);
});

test('a gap in the steps keeps the process from starting', async () => {
  using folder = temporaryFolder();
  const gappy = contract('shop', {
    events: { Placed: event(V3, { key: 'orderId', version: 3, upcast: { 1: upcast[1] } }) },
  });
  const failed = start(
    topology({
      services: { shop: async () => ({ default: service(gappy, { store: sql<{}>({ migrations: {} }) }).implement({}) }) },
      profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } },
    }),
    { logTo: () => {} },
  );
  await expect(failed).rejects.toThrow("contract 'shop', event 'Placed': 'upcast' has no step from version 2 to 3; add one");
});
