import { describe, expect, test } from 'vitest';
import type { DeclaredError } from '../../errors/index.ts';
import { hash32 } from '../../platform/index.ts';
import {
  asleep,
  effectsOf,
  ended,
  FREE,
  fault,
  gate,
  hosted,
  intercept,
  program,
  refuse,
  show,
  startProgram,
  stepsOf,
} from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { Hotels, newWorld, Trips, type World } from '../../runtime/fixtures/travel.fixture.ts';

/** A key in the partition of 'first', whatever the number of partitions up to 16: a bus promises an order within a partition. */
const SECOND = Array.from({ length: 1_000 }, (_, n) => `second ${n}`).find((key) => (hash32(key) - hash32('first')) % 16 === 0) as string;
const { TripPlanned } = Trips.events;
const { RoomBooked } = Hotels.events;

describe('a program that took one of two ways', () => {
  test('never takes the other one, whichever event arrives while it sleeps later', async () => {
    using folder = temporaryFolder();
    const saga = program(
      async ({ tripId }, { step, sleep, waitFor, use: { trips, hotels } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        const first = await Promise.race([
          waitFor('other', RoomBooked, { key: 'other', timeout: '1h' }).then(() => 'other'),
          waitFor('own', RoomBooked, { key: tripId, timeout: '1h' }).then(() => 'own'),
        ]);
        if (first === 'other') return void (await step('book hotel', hotels.book({ tripId }), FREE));
        for (const night of ['one', 'two', 'three']) await sleep(night, '150ms');
        await step('confirm', trips.confirm({ tripId }), FREE);
      },
      [RoomBooked],
    );
    await using t = await startProgram(folder.path, saga);
    const effects = effectsOf(t, ['trips', 'hotels']);
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await asleep(t);
    await t.runtime.client(Hotels).book({ tripId: 'a' });
    await eventually(
      () => stepsOf(t, 'a'),
      (steps) => steps.some((step) => step.startsWith('one:')),
    );
    await t.runtime.client(Hotels).book({ tripId: 'other' });
    const after = await ended(t, 'a');
    expect(after.state).toBe('COMPLETED');
    expect(after.epoch).toBeGreaterThan(3);
    expect(effects).toEqual(['accept', 'confirm']);
  });

  test.each(['all', 'any', 'race'] as const)('takes it again over restarts, by Promise.%s', async (combine) => {
    using folder = temporaryFolder();
    const ways: string[] = [];
    const saga = program(async ({ tripId }, { step, sleep, use: { trips, hotels, flights } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      // The first as they are written is the last to be answered.
      const both = [
        step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) }),
        step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }) }),
      ];
      const combined = combine === 'any' ? Promise.any(both) : combine === 'race' ? Promise.race(both) : Promise.all(both);
      const way = await combined.then(
        (answer) => Object.keys(Object(answer))[0] as string,
        (error: DeclaredError) => error.error,
      );
      ways.push(way);
      await step(`confirm by ${way}`, trips.confirm({ tripId }), FREE);
      for (const night of ['one', 'two']) await sleep(night, '100ms');
    });
    const tripId = combine === 'all' ? 'full-grounded' : 'a';
    const world: World = { ...newWorld(), saga };
    const hotel = gate();
    {
      await using t = await startTravel(folder.path, { world });
      intercept(t, 'hotels', async (operation, real) => {
        if (operation === 'book') await hotel.opened;
        return real();
      });
      if (combine === 'all') refuse(t, 'flights', 'NoSeat');
      await t.runtime.client(Trips).plan({ tripId });
      await eventually(() => ways.length > 0);
      hotel.open();
      await eventually(
        () => stepsOf(t, tripId),
        (steps) => steps.some((step) => /^two: WAITING/.test(step) || /^two: OK/.test(step)),
      );
    }
    await using t = await startTravel(folder.path, { world });
    expect((await ended(t, tripId)).state).toBe('COMPLETED');
    expect(new Set(ways)).toEqual(new Set([combine === 'all' ? 'NoSeat' : 'ticket']));
    expect(ways.length).toBeGreaterThan(1);
    expect((await stepsOf(t, tripId)).filter((step) => step.startsWith('confirm'))).toHaveLength(1);
  });

  test.each(['another event', 'the end of a sleep'])(
    'takes the way of the event that arrived first while no process ran it, before %s',
    async (what) => {
      using folder = temporaryFolder();
      const saga = program(
        async ({ tripId }, { step, sleep, waitFor, use: { trips } }) => {
          await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
          const wait = (key: string) => waitFor(key, RoomBooked, { key, timeout: '1h' }).then(() => key);
          const first = await Promise.race([
            what === 'another event' ? wait(SECOND) : sleep('patience', '1s').then(() => 'late'),
            wait('first'),
          ]);
          await step(`confirm ${first}`, trips.confirm({ tripId }), FREE);
        },
        [RoomBooked],
      );
      const world: World = { ...newWorld(), saga };
      const began = Date.now();
      {
        await using t = await startTravel(folder.path, { world });
        await t.runtime.client(Trips).plan({ tripId: 'a' });
        await asleep(t);
      }
      {
        // The service of the saga is down.
        await using t = await startTravel(folder.path, { world, hosts: ['hotels'] });
        for (const tripId of ['first', SECOND]) await t.runtime.client(Hotels).book({ tripId });
      }
      await eventually(() => Date.now() > began + 1_200);
      await using t = await startTravel(folder.path, { world });
      expect(await ended(t, 'a')).toMatchObject({ state: 'COMPLETED' });
      expect(await stepsOf(t, 'a')).toContain('confirm first: OK');
    },
  );

  test('ends only after the step that lost is definite; the effect of that step stays, and is undone if the program fails', async () => {
    using folder = temporaryFolder();
    const booked = gate();
    const saga = program(async ({ tripId }, { step, sleep, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await Promise.race([
        step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }), timeout: '20s' }),
        sleep('patience', '50ms'),
      ]);
      if (tripId === 'fails') throw new Error('too slow');
    });
    const world: World = { ...newWorld(), saga };
    world.hook = (name) => (name === 'hotels.book' ? booked.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    for (const tripId of ['a', 'fails']) await t.runtime.client(Trips).plan({ tripId });
    await eventually(
      () => stepsOf(t, 'a'),
      (steps) => steps.includes('patience: OK'),
    );
    expect((await show(t, 'a')).state).toBe('RUNNING');
    expect((await ended(t, 'fails')).state).toBe('COMPENSATED');
    booked.open();
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    expect(await stepsOf(t, 'a')).toEqual(['accept: OK', 'book hotel: OK', 'patience: OK']);
    expect((await t.runtime.client(Hotels).booked({})).trips).toEqual(['a']);
  });

  test('does not wait for a sleep or a wait that lost', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, sleep, use: { trips } }) => {
      await Promise.race([step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) }), sleep('patience', '1h')]);
    });
    await using t = await startProgram(folder.path, saga);
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    expect(await stepsOf(t, 'a')).toEqual(['accept: OK', 'patience: CANCELLED']);
  });

  test('takes it again if its journal is older than the numbers of outcomes', async () => {
    using folder = temporaryFolder();
    const saga = program(
      async ({ tripId }, { step, sleep, waitFor, use: { trips, hotels } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        const late = waitFor('late', TripPlanned, { key: 'late', timeout: '300ms' });
        const room = await Promise.race([late, step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) })]);
        if (!room) throw new Error('the wait was first');
        await late;
        await sleep('one', '200ms');
        await sleep('two', '200ms');
      },
      [TripPlanned],
    );
    const world: World = { ...newWorld(), saga };
    {
      await using t = await startTravel(folder.path, { world });
      await t.runtime.client(Trips).plan({ tripId: 'a' });
      await eventually(
        () => stepsOf(t, 'a'),
        (steps) => steps.includes('one: WAITING'),
      );
      await asleep(t);
      await hosted(t, 'trips').store.write((tx) => tx.run('update ramet_saga_steps set delivery = null'));
    }
    await using t = await startTravel(folder.path, { world });
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    const rows = await hosted(t, 'trips').store.reader.all<{ name: string }>('select name from ramet_saga_steps order by delivery');
    expect(rows.map(({ name }) => name)).toEqual(['accept', 'book hotel', 'late', 'one', 'two']);
  });
});

test('a program that changes what it receives, receives the same again when it runs again', async () => {
  using folder = temporaryFolder();
  const seen: Readonly<Record<string, unknown>>[] = [];
  const saga = program(
    async (trip, { step, waitFor, sleep, use: { trips, hotels, flights } }) => {
      const { tripId } = trip;
      trip.tripId += '!';
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      const room = (await step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) })) as { room: number };
      room.room += 1;
      const failure = (await step('buy flight', flights.buy({ tripId }), FREE).catch(({ data }) => data)) as { more?: string };
      failure.more = `${failure.more ?? ''}x`;
      const event = (await waitFor('planned', TripPlanned, { key: tripId, timeout: '1h' })) as { tripId: string };
      event.tripId += '?';
      seen.push({ trip: trip.tripId, room: room.room, more: failure.more, event: event.tripId });
      for (const night of ['one', 'two']) await sleep(night, '50ms');
    },
    [TripPlanned],
  );
  const world: World = { ...newWorld(), saga, onPlan: ({ emit }) => emit.TripPlanned({ tripId: 'a' }) };
  await using t = await startTravel(folder.path, { world });
  refuse(t, 'flights', 'NoSeat');
  await t.runtime.client(Trips).plan({ tripId: 'a' });
  expect((await ended(t, 'a')).state).toBe('COMPLETED');
  expect(seen.length).toBeGreaterThan(2);
  expect(new Set(seen.map((given) => JSON.stringify(given)))).toEqual(new Set([JSON.stringify(seen[0])]));
  const rooms = await hosted(t, 'trips').store.reader.get<{ result: string }>(
    "select result from ramet_saga_steps where name = 'book hotel'",
  );
  expect(JSON.parse(rooms?.result ?? '')).toEqual({ room: (seen[0]?.['room'] as number) - 1 });
});

test('the numbers of outcomes cost no write: a saga of three steps is written four times', async () => {
  using folder = temporaryFolder();
  const saga = program(async ({ tripId }, { step, use: { trips } }) => {
    for (const n of [1, 2, 3]) await step(`accept ${n}`, trips.accept({ tripId }), FREE);
  });
  await using t = await startProgram(folder.path, saga);
  const { store } = hosted(t, 'trips');
  const write = store.write.bind(store);
  let writes = 0;
  (store as { write: typeof write }).write = (work, options) => {
    if (options?.name === 'saga plan-trip') writes++;
    return write(work, options);
  };
  await t.runtime.client(Trips).plan({ tripId: 'a' });
  expect((await ended(t, 'a')).state).toBe('COMPLETED');
  expect(writes).toBe(4);
  const rows = await store.reader.all<{ delivery: number }>('select delivery from ramet_saga_steps order by idx');
  expect(rows.map(({ delivery }) => Number(delivery))).toEqual([1, 2, 3]);
});

test.each(['answered at last', 'never answered'] as const)(
  'a step without an undo becomes definite if it is under way when its program throws: %s',
  async (how) => {
    using folder = temporaryFolder();
    const answer = gate();
    const saga = program(async ({ tripId }, { step, sleep, use: { trips, hotels, flights } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      const slow = step('buy flight', flights.buy({ tripId }), { undo: 'nothing', timeout: '100ms', deadline: '2s' });
      await Promise.race([slow, step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) })]);
      void sleep('of a branch', '1h');
      throw new Error('changed my mind');
    });
    await using t = await startProgram(folder.path, saga);
    intercept(t, 'flights', async (_, real) => {
      await answer.opened;
      return how === 'never answered' ? fault('DeadlineExceeded', 'unknown') : real();
    });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(
      () => stepsOf(t, 'a'),
      (steps) => steps.includes('book hotel: OK'),
    );
    expect((await show(t, 'a')).state).toBe('RUNNING');
    answer.open();
    const after = await ended(t, 'a');
    expect(after).toMatchObject({ state: 'COMPENSATED', failureReason: expect.stringContaining('changed my mind') });
    const buying = after.steps.find(({ name }) => name === 'buy flight');
    expect(buying?.state).toBe(how === 'never answered' ? 'UNKNOWN' : 'OK');
  },
);
