import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { PermanentError } from '../../errors/index.ts';
import { realPlatform } from '../../platform/index.ts';
import { migrate, STORE_TABLES, type Store } from '../../store/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import type { Batch } from '../bus.ts';
import { BUS_TABLES, Consumer, type Envelope, type PoisonPolicy } from '../index.ts';

const platform = realPlatform();
let folder: string;
let store: Store;

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-claims-'));
  store = await sqlite(folder, { exclusive: false }).open('mail', { platform, onWarning: () => {}, onFatal: () => {} });
  await migrate(
    store,
    platform,
    [STORE_TABLES, BUS_TABLES],
    [{ name: '0001_effects', sql: 'create table effects (event_id text not null, owner text not null)' }],
  );
});
afterEach(async () => {
  await store.close();
  rmSync(folder, { recursive: true });
});

/** A replica, and what stops it before it handles an event. */
function replica(
  owner: string,
  before: (envelope: Envelope) => Promise<void> = async () => {},
  of: Store = store,
  poison: PoisonPolicy = 'park-key',
): Consumer {
  return new Consumer({
    platform,
    store: of,
    subscriber: 'mail',
    poison,
    handlers: new Map([
      [
        'orders.changed',
        async (envelope, tx) => {
          await before(envelope);
          await tx.run('insert into effects (event_id, owner) values (?, ?)', envelope.id, owner);
        },
      ],
    ]),
  });
}

const batch = (from: number, through: number): Batch => ({
  log: 'orders',
  p: 0,
  through,
  deliveries: Array.from({ length: through - from + 1 }, (_, i) => ({ pos: from + i, envelope: event(from + i) })),
});
const event = (n: number): Envelope => ({
  id: `evt_${n}`,
  type: 'orders.changed',
  version: 1,
  source: 'orders',
  key: `k${n % 2}`,
  timestamp: '2026-07-31T12:00:00.000Z',
  correlationId: 'c',
  traceparent: 't',
  data: { n },
});
const checkpoint = async () =>
  Number((await store.reader.get<{ checkpoint: number }>('select checkpoint from ramet_claims'))?.checkpoint ?? 0);
const effects = () => store.reader.all<{ event_id: string; owner: string }>('select event_id, owner from effects order by rowid');

test('a replica that was thought dead writes nothing when it wakes: no effect, no checkpoint', async () => {
  const zombie = replica('zombie');
  await zombie.begin('orders', 0, 1);
  await zombie.deliver(batch(1, 4));
  const heir = replica('heir');
  await heir.begin('orders', 0, 2);
  await zombie.flush();
  expect(await heir.checkpoint('orders', 0)).toBe(0);
  expect(await checkpoint()).toBe(0);
  await heir.deliver(batch(1, 8));
  await heir.flush();
  await expect(zombie.deliver(batch(5, 8))).rejects.toMatchObject({ code: 'ClaimLost' });
  await expect(zombie.deliver(batch(9, 12))).rejects.toMatchObject({ code: 'ClaimLost' });
  await zombie.flush();
  await zombie.end('orders', 0);
  expect(await checkpoint()).toBe(8);
  expect((await effects()).map(({ owner }) => owner)).toEqual([...Array(4).fill('zombie'), ...Array(4).fill('heir')]);
});

test('a replica that is woken within a batch gives no effect to what is left of it', async () => {
  const heir = replica('heir');
  let asleep: Promise<void> | undefined;
  // It falls asleep after it has written down what it is about to handle, before the first transaction.
  const sleepy: Store = {
    ...store,
    async write(work, options) {
      if (options?.name?.includes(' on ')) {
        asleep ??= heir.begin('orders', 0, 2).then(() => heir.deliver(batch(1, 2)));
        await asleep;
      }
      return store.write(work, options);
    },
  };
  const zombie = replica('zombie', undefined, sleepy);
  await zombie.begin('orders', 0, 1);
  await expect(zombie.deliver(batch(1, 6))).rejects.toMatchObject({ code: 'ClaimLost' });
  expect((await effects()).map(({ owner }) => owner)).toEqual(['heir', 'heir']);
  expect(await store.reader.all('select 1 from ramet_retries union all select 1 from ramet_dead_letters')).toEqual([]);
});

test('a begin under an epoch that is over is refused', async () => {
  const first = replica('first');
  await first.begin('orders', 0, 7);
  await expect(replica('late').begin('orders', 0, 6)).rejects.toMatchObject({ code: 'ClaimLost' });
  await first.deliver(batch(1, 2));
  expect(await effects()).toHaveLength(2);
});

test('a begin without an epoch gets the next one, also behind those of another bus', async () => {
  const [first, second] = [replica('first'), replica('second')];
  await first.begin('orders', 0, 1_700_000_000_000);
  await second.begin('orders', 0);
  await expect(first.deliver(batch(1, 2))).rejects.toMatchObject({ code: 'ClaimLost' });
  await second.deliver(batch(1, 2));
  await second.end('orders', 0);
  const alone = replica('alone');
  expect(await alone.checkpoint('orders', 0)).toBe(2);
  // Where no other process can own it, no process begins, whatever epochs there were.
  await alone.deliver(batch(3, 4));
  await alone.flush();
  expect(await checkpoint()).toBe(4);
});

test('a partition that was given back continues where it was, with nothing under suspicion', async () => {
  const first = replica('first');
  await first.begin('orders', 0, 1);
  await first.deliver(batch(1, 5));
  await first.end('orders', 0);
  expect(await store.reader.all('select checkpoint, claimed_to, attempts from ramet_claims')).toEqual([
    { checkpoint: 5, claimed_to: 5, attempts: 0 },
  ]);
  // The progress of others is read, not remembered.
  const second = replica('second');
  await second.begin('orders', 0, 2);
  await second.deliver(batch(6, 7));
  await second.end('orders', 0);
  expect(await first.checkpoint('orders', 0)).toBe(7);
});

/** A store in which something happens right before a write of that name is made for the first time. */
function interrupted(name: string, happens: () => Promise<void>): Store {
  let happened: Promise<void> | undefined;
  return {
    ...store,
    async write(work, options) {
      if (options?.name?.includes(name)) {
        happened ??= happens();
        await happened;
      }
      return store.write(work, options);
    },
  };
}
const traces = () =>
  store.reader.all('select 1 from ramet_retries union all select 1 from ramet_dead_letters union all select 1 from ramet_halts');
const fails = (error: Error) => async () => {
  throw error;
};

for (const [kind, error] of [
  ['for a time', new Error('not here')],
  ['for good', new PermanentError('not here')],
] as const)
  for (const [poison, name] of [
    ['park-key', ' sets '],
    ['halt', ' halts at '],
  ] as const)
    test(`an event that fails ${kind} in a replica that was thought dead is its successor's alone (${poison})`, async () => {
      const heir = replica('heir', undefined, store, poison);
      const zombie = replica(
        'zombie',
        fails(error),
        interrupted(name, () => heir.begin('orders', 0, 2)),
        poison,
      );
      await zombie.begin('orders', 0, 1);
      await expect(zombie.deliver(batch(1, 2))).rejects.toMatchObject({ code: 'ClaimLost' });
      expect(await traces()).toEqual([]);
      await heir.deliver(batch(1, 2));
      expect((await effects()).map(({ owner }) => owner)).toEqual(['heir', 'heir']);
      expect(await traces()).toEqual([]);
    });

test('a replica that was thought dead spends no attempt of the event at which its successor stands', async () => {
  const heir = replica('heir', fails(new Error('not now')), store, 'halt');
  const zombie = replica(
    'zombie',
    fails(new Error('not now')),
    interrupted('mail retry', () => heir.begin('orders', 0, 2)),
    'halt',
  );
  await zombie.begin('orders', 0, 1);
  await expect(zombie.deliver(batch(1, 1))).rejects.toMatchObject({ code: 'SubscriptionHalted' });
  await store.write((tx) => tx.run('update ramet_halts set due_at = 0'));
  await expect(zombie.deliver(batch(1, 1))).rejects.toMatchObject({ code: 'ClaimLost' });
  expect(await store.reader.all('select state, attempts from ramet_halts')).toEqual([{ state: 'RETRYING', attempts: 1 }]);
});

test('an event at which its successor is halted until an operator decides is not handled meanwhile', async () => {
  const heir = replica('heir', fails(new PermanentError('never')), store, 'halt');
  const stands = async () => void (await expect(heir.deliver(batch(1, 1))).rejects.toMatchObject({ code: 'SubscriptionHalted' }));
  // Where one process has the store there are no epochs, and a commit of one that was killed may still be under way.
  const zombie = replica('zombie', undefined, interrupted(' on ', stands), 'halt');
  await expect(zombie.deliver(batch(1, 2))).rejects.toMatchObject({ code: 'SubscriptionHalted' });
  expect(await effects()).toEqual([]);
  expect(await store.reader.all('select pos, state from ramet_halts')).toEqual([{ pos: 1, state: 'HALTED' }]);
  expect(await store.reader.all('select event_id from ramet_dead_letters')).toEqual([{ event_id: 'evt_1' }]);
});

test('what a failed attempt says late does not undo that a person has had the event tried again', async () => {
  const again = () => store.write((tx) => tx.run("update ramet_halts set state = 'RETRYING', attempts = 0, due_at = 0")).then(() => {});
  const first = replica('first', fails(new Error('not now')), store, 'halt');
  await expect(first.deliver(batch(1, 1))).rejects.toMatchObject({ code: 'SubscriptionHalted' });
  await store.write((tx) => tx.run('update ramet_halts set due_at = 0'));
  const late = replica('late', fails(new PermanentError('never')), interrupted(' halts at ', again), 'halt');
  await expect(late.deliver(batch(1, 1))).rejects.toMatchObject({ code: 'SubscriptionHalted' });
  expect(await store.reader.all('select state, attempts from ramet_halts')).toEqual([{ state: 'RETRYING', attempts: 0 }]);
  expect(await store.reader.all('select 1 from ramet_dead_letters')).toEqual([]);
});
