import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, expect, test } from 'vitest';
import { DAY, MINUTE, newId, type Platform, realPlatform } from '../../platform/index.ts';
import { migrate, STORE_TABLES, type Store } from '../../store/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import { BusFixture, type BusPlace } from '../conformance/fixture.conformance.ts';
import { BUS_TABLES, type Bus, createOutbox, type Missed } from '../index.ts';
import { embedded } from './index.ts';

/** A platform on which what waits for minutes waits for milliseconds. */
function hasty(): Platform {
  const real = realPlatform();
  const set: Platform['timers']['set'] = (delayMs, fire) => real.timers.set(delayMs >= MINUTE ? 5 : delayMs, fire);
  return {
    ...real,
    timers: { ...real.timers, set, sleep: real.timers.sleep.bind(real.timers), yield: real.timers.yield.bind(real.timers) },
  };
}

async function place(): Promise<BusPlace> {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-bus-'));
  const platform = hasty();
  const stores = sqlite(folder, { exclusive: false });
  const attached = new Set<string>();
  let shared: Bus | undefined;
  return {
    platform,
    // All groups are in one process: its bus knows of each.
    bus(onError) {
      const bus = shared ?? embedded().create({ platform, onError, owner: newId(platform, 'own') });
      shared = bus;
      const attach: Bus['attach'] = (outbox) => {
        if (!attached.has(outbox.service)) bus.attach(outbox);
        attached.add(outbox.service);
        return { stop: async () => {} };
      };
      return { ...bus, attach, close: async () => {} };
    },
    store: (service) => stores.open(service, { platform, onWarning: () => {}, onFatal: () => {} }),
    dispose: async () => {
      await shared?.close();
      rmSync(folder, { recursive: true });
    },
  };
}

const open: BusFixture[] = [];
afterEach(() => open.pop()?.dispose());
async function fixture(): Promise<BusFixture> {
  const opened = new BusFixture(await place());
  open.push(opened);
  return opened;
}

const age = (store: Store, days: number, through: number) =>
  store.write((tx) => tx.run('update ramet_outbox set at = at - ? where pos <= ?', days * DAY, through));
const positions = async (store: Store) =>
  (await store.reader.all<{ pos: number }>('select pos from ramet_outbox order by pos')).map(({ pos }) => Number(pos));

test('events that every group has settled are deleted when they are old enough, and no others', async () => {
  const bus = await fixture();
  await bus.publish('orders', ['a', 'b', 'c', 'd', 'e']);
  const orders = await bus.store('orders');
  let hold = true;
  await bus.start('mail');
  const slow = await bus.start('slow', {
    poison: 'halt',
    handle: ({ key }) => {
      if (key === 'c' && hold) throw new Error('not yet');
    },
  });
  await bus.untilEffects('mail', 5);
  await age(orders, 15, 4);
  await bus.until('what both have settled is gone', async () => (await positions(orders))[0] === 3);
  await bus.platform.timers.sleep(50);
  expect(await positions(orders)).toEqual([3, 4, 5]);
  await bus.until('the slow one stands', async () => (await bus.deadLetters('slow')).length === 1);
  hold = false;
  await bus.settle(slow, 'slow');
  await bus.untilEffects('slow', 5);
  await bus.until('the rest is gone', async () => (await positions(orders))[0] === 5);
  await bus.platform.timers.sleep(50);
  expect(await positions(orders)).toEqual([5]);
  await bus.publish('orders', ['a']);
  await bus.untilEffects('mail', 6);
  await bus.expectOnceInOrder('mail', 6);
});

test('a group restarts where it was although what it has settled is gone', async () => {
  const bus = await fixture();
  await bus.publish('orders', ['a', 'b', 'c']);
  const orders = await bus.store('orders');
  await age(orders, 15, 3);
  const missed: Missed[] = [];
  const first = await bus.start('mail');
  await bus.until('all is gone', async () => (await positions(orders)).length === 0);
  // Killed: nothing is written down any more.
  first.kill();
  await bus.publish('orders', ['d']);
  const second = await bus.start('mail', { onMissed: (told) => missed.push(told) });
  await bus.untilEffects('mail', 4);
  expect([missed, second.errors]).toEqual([[], []]);
});

test('a new group is notified once of what it cannot have, and begins with what there is', async () => {
  const bus = await fixture();
  await bus.publish('orders', ['a', 'b', 'c']);
  const orders = await bus.store('orders');
  await age(orders, 15, 2);
  await bus.start('mail');
  await bus.until('two are gone', async () => (await positions(orders)).length === 1);
  const missed: Missed[] = [];
  const first = await bus.start('search', { onMissed: (told) => missed.push(told) });
  await bus.untilEffects('search', 1);
  expect(await bus.effects('search')).toEqual(['orders/c/1']);
  first.kill();
  const second = await bus.start('search', { onMissed: (told) => missed.push(told) });
  await bus.publish('orders', ['d']);
  await bus.untilEffects('search', 2);
  expect(missed).toEqual([{ log: 'orders', p: 0, after: 0, through: 2 }]);
  expect([first.errors, second.errors]).toEqual([[], []]);
});

test('a bus closes although a group that has left does not answer any more, and keeps what that group has not had', async () => {
  const place = { folder: mkdtempSync(join(tmpdir(), 'ramet-bus-')), platform: hasty() };
  const { platform } = place;
  const store = await sqlite(place.folder, { exclusive: false }).open('orders', { platform, onWarning: () => {}, onFatal: () => {} });
  await migrate(store, platform, [STORE_TABLES, BUS_TABLES], []);
  const outbox = createOutbox(store);
  const envelope = {
    type: 'orders.changed',
    version: 1,
    source: 'orders',
    timestamp: '2026-07-31T12:00:00.000Z',
    correlationId: 'c',
    traceparent: 't',
  };
  await store.write((tx) =>
    outbox.append(
      tx,
      ['a', 'b'].map((key) => ({ ...envelope, id: `evt_${key}`, key, data: {} })),
    ),
  );
  await age(store, 15, 2);
  const errors: unknown[] = [];
  const bus = embedded().create({ platform, onError: (error) => errors.push(error), owner: 'own' });
  let asked = 0;
  const consume = (group: string, settled: () => Promise<number>) =>
    bus.consume({
      group,
      topics: new Set(['orders.changed']),
      sink: {
        begin: async () => {},
        end: async () => {},
        checkpoint: async () => 2,
        settled,
        missed: async () => {},
        deliver: async () => {},
      },
    });
  const silent = consume('silent', () => {
    asked++;
    return new Promise(() => {});
  });
  consume('mail', async () => {
    asked++;
    return 2;
  });
  bus.attach(outbox);
  const until = async (condition: () => boolean) => {
    while (!condition()) await platform.timers.sleep(1);
  };
  await until(() => asked === 1);
  await silent.stop();
  // Round after round the one that is there is asked, and nothing goes.
  await until(() => asked > 4);
  expect(await positions(store)).toEqual([1, 2]);
  await bus.close();
  expect(errors).toEqual([]);
  await store.close();
  rmSync(place.folder, { recursive: true });
});

test('whatever ages and limits: only old and processed events are deleted, from the beginning, without a hole, and new positions continue', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'ramet-bus-'));
  const platform = realPlatform();
  const stores = sqlite(folder, { exclusive: false });
  let round = 0;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.integer({ min: 0, max: 30 }), { minLength: 1, maxLength: 30 }),
        fc.array(fc.integer({ min: 0, max: 40 }), { minLength: 1, maxLength: 4 }),
        async (daysOld, limits) => {
          const store = await stores.open(`s${round++}`, { platform, onWarning: () => {}, onFatal: () => {} });
          await migrate(store, platform, [STORE_TABLES, BUS_TABLES], []);
          const outbox = createOutbox(store);
          await store.write(async (tx) => {
            for (const [i, days] of daysOld.entries())
              await tx.run(
                "insert into ramet_outbox (p, pos, event_id, event, version, key, at, envelope) values (0, ?, ?, 'e', 1, 'k', ramet_now() - ?, '{}')",
                i + 1,
                `e${i}`,
                days * DAY,
              );
            await tx.run('insert into ramet_partitions (p, pos) values (0, ?)', daysOld.length);
          });
          let settled = 0;
          for (const limit of limits) {
            settled = Math.max(settled, Math.min(limit, daysOld.length));
            await outbox.retention?.prune(0, settled, 14 * DAY - 1_000);
          }
          const firstYoung = daysOld.findIndex((days) => days < 14);
          const expected = Math.min(settled, firstYoung < 0 ? daysOld.length : firstYoung);
          expect(await outbox.retention?.prunedTo(0)).toBe(expected);
          expect((await outbox.read(0, expected, 100)).length).toBe(daysOld.length - expected);
          if (expected > 0 && expected < daysOld.length)
            await expect(outbox.read(0, expected - 1, 100)).rejects.toMatchObject({ code: 'PositionGap' });
          await store.close();
        },
      ),
      { numRuns: 25 },
    );
  } finally {
    rmSync(folder, { recursive: true });
  }
});
