import { afterAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { replayDeadLetter } from '../bus/index.ts';
import { realPlatform } from '../platform/index.ts';
import { callAs, gate, hosted } from '../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, type Travelling, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { newWorld, planTrip, Trips, type World } from '../runtime/fixtures/travel.fixture.ts';
import { insertSaga, keepEvent } from '../saga/index.ts';
import { dropDatabases } from '../store/postgres/instead-of-sqlite.fixture.ts';

/*
 * Two replicas of every service on one PostgreSQL: what two transactions do at the same time.
 */
vi.mock('../store/sqlite/index.ts', () => import('../store/postgres/instead-of-sqlite.fixture.ts'));
afterAll(dropDatabases);

const { sleep } = realPlatform().timers;

let world: World;
beforeEach(() => {
  world = newWorld();
});

async function replicas(run: (one: Travelling, two: Travelling) => Promise<void>): Promise<void> {
  using folder = temporaryFolder();
  await using one = await startTravel(folder.path, { world });
  await using two = await startTravel(folder.path, { world });
  await run(one, two);
}

const count = (name: string) => world.calls.filter((call) => call === name).length;

describe('two replicas', () => {
  test('undo a step once, even if both are called at the same time', () =>
    replicas(async (one, two) => {
      for (const [i, epochs] of [
        [1, 1],
        [2, 1],
      ].entries()) {
        const key = `step ${i}`;
        const tripId = `t${i}`;
        expect(await callAs(one, 'hotels', 'book', { tripId }, { step: { key, epoch: 1 } })).toMatchObject({ ok: true });
        world.calls.length = 0;
        // Inside its transaction, where the other one is to meet it.
        world.hook = async (name) => void (name === 'hotels.cancel' && (await sleep(80)));
        const undo = (t: Travelling, epoch: number | undefined) =>
          callAs(t, 'hotels', 'cancel', { tripId }, { step: { key, epoch, undo: true, reason: 'twice' } });
        const replies = await Promise.all([undo(one, epochs[0]), undo(two, epochs[1])]);
        expect(count('hotels.cancel')).toBe(1);
        // An owner that has lost the saga gets StaleOwner, unless it was first.
        expect(
          replies.map((reply) => (reply.ok ? 'undone' : reply.kind === 'fault' && reply.code)).filter((end) => end !== 'StaleOwner'),
        ).toContain('undone');
      }
    }));

  test('perform an effect once, and both answer with its outcome', () =>
    replicas(async (one, two) => {
      let at = 0;
      let most = 0;
      world.hook = async (name) => {
        if (name !== 'flights.perform') return;
        most = Math.max(most, ++at);
        await sleep(300);
        at--;
      };
      const buy = (t: Travelling) => callAs(t, 'flights', 'buy', { tripId: 'a' }, { step: { key: 'k', epoch: 1 }, timeoutMs: 5_000 });
      const first = buy(one);
      await eventually(() => at === 1);
      expect(await Promise.all([first, buy(two)])).toEqual([
        { ok: true, value: { ticket: 'T-a' } },
        { ok: true, value: { ticket: 'T-a' } },
      ]);
      expect([count('flights.perform'), most]).toEqual([1, 1]);
    }));

  test('give one answer to a request that reaches both', () =>
    replicas(async (one, two) => {
      const plan = (t: Travelling) => t.runtime.client(Trips).plan({ tripId: 'a' }, { key: 'same' });
      expect(await Promise.all([plan(one), plan(two)])).toEqual([{ tripId: 'a' }, { tripId: 'a' }]);
    }));

  test('replay a dead letter once', () =>
    replicas(async (one, two) => {
      const { store } = hosted(one, 'trips');
      await store.write((tx) =>
        tx.run(
          `insert into ramet_dead_letters (id, subscriber, event_id, event, key, envelope, reason, error, stack_hash, attempts, first_failed_at, last_failed_at)
           values ('dl_1', 'ghost', 'evt_1', 'hotels.RoomBooked', 'a', '{"id":"evt_1","key":"a"}', 'x', 'x', '', 3, 0, 0)`,
        ),
      );
      const both = await Promise.allSettled([store, hosted(two, 'trips').store].map((each) => replayDeadLetter(each, 'dl_1')));
      expect(both.map((end) => (end.status === 'fulfilled' ? 'replayed' : end.reason.code)).sort()).toEqual(['NotFound', 'replayed']);
      expect(await store.reader.all('select event_id from ramet_parked')).toHaveLength(1);
    }));
});

test('a saga that starts while an event is kept either starts after it, or sees it', () =>
  replicas(async (one, two) => {
    const [keeping, kept] = [gate(), gate()];
    const waiting = { ...planTrip, waitsFor: [{ service: 'hotels', name: 'RoomBooked' }] } as never;
    const event = { id: 'evt_1', type: 'hotels.RoomBooked', key: 'a', timestamp: new Date().toISOString() } as never;
    const keeper = hosted(one, 'trips').store.write(async (tx) => {
      await keepEvent(tx, event, {});
      keeping.open();
      await kept.opened;
    });
    await keeping.opened;
    const started = hosted(two, 'trips').store.write((tx) =>
      insertSaga(tx, realPlatform(), 'no process', 60_000, {
        saga: waiting,
        input: { tripId: 'a' },
        initiation: {},
        trace: { correlationId: 'c', traceparent: 'x' },
      }),
    );
    // The start has time to reach the lock of the keeper.
    await sleep(100);
    kept.open();
    await Promise.all([keeper, started]);
    const { reader } = hosted(one, 'trips').store;
    const [stored, counter, saga] = await Promise.all([
      reader.all('select seq from ramet_saga_events'),
      reader.get<{ seq: number }>('select seq from ramet_saga_counter'),
      reader.get<{ events_from: number }>("select events_from from ramet_sagas where business_key = 'a'"),
    ]);
    expect(stored.length > 0 || saga?.events_from === counter?.seq).toBe(true);
  }));
