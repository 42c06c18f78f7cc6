import { describe, expect, test } from 'vitest';
import { embedded } from '../../bus/embedded/index.ts';
import { asleep, ended, gate, hosted, program, show } from '../../runtime/fixtures/driving.fixture.ts';
import { killedAsleep, PROGRAMS } from '../../runtime/fixtures/kill.fixture.ts';
import { eventually, startTravel, type Travelling, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { Flights, Hotels, newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';
import { start, topology } from '../../runtime/index.ts';
import { service } from '../../service/index.ts';
import { sqlite } from '../../store/sqlite/index.ts';
import { saga as declare } from '../index.ts';

const { RoomBooked } = Hotels.events;
const kept = async (t: Travelling) => (await hosted(t, 'trips').store.reader.all('select seq from ramet_saga_events')).length;
const book = (t: Travelling, tripId: string) => t.runtime.client(Hotels).book({ tripId });

/** Publishes bookings of one hotel's trip `a`, as its handler would not. */
const publish = async (t: Travelling, ...events: { id: string; version?: number; timestamp?: string }[]) => {
  const { outbox, store } = hosted(t, 'hotels');
  const about = { type: 'hotels.RoomBooked', source: 'hotels', key: 'a', correlationId: 'c', traceparent: 'x', data: { tripId: 'a' } };
  const timestamp = new Date().toISOString();
  await store.write((tx) =>
    outbox.append(
      tx,
      events.map((event) => ({ version: 1, ...about, timestamp, ...event })),
    ),
  );
};

/** A trip that answers what it has waited for; `before` is done between its start and the wait. */
const waiter = (timeout: '300ms' | '1s' | '1m' | '10m', before: () => Promise<void> | void = () => {}) =>
  program(
    async ({ tripId }, { step, waitFor, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await before();
      const booked = await waitFor('the hotel', RoomBooked, { key: tripId, timeout });
      return { heard: booked ?? null };
    },
    [RoomBooked],
  );
const resultOf = async (t: Travelling, tripId: string) => {
  await ended(t, tripId);
  const row = await hosted(t, 'trips').store.reader.get<{ result: string }>(
    'select result from ramet_sagas where business_key = ?',
    tripId,
  );
  return JSON.parse(row?.result ?? 'null') as unknown;
};

describe('a saga that waits for an event', () => {
  test('has no owner until the event arrives, and receives its data', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: waiter('1m') } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await asleep(t);
    const waiting = await show(t, 'a');
    expect(waiting.steps.find(({ name }) => name === 'the hotel')).toMatchObject({
      kind: 'wait',
      state: 'WAITING',
      call: 'hotels.RoomBooked of a',
      until: expect.stringMatching(/^\d{4}-/),
    });
    const before = Date.now();
    await book(t, 'a');
    expect(await resultOf(t, 'a')).toEqual({ heard: { tripId: 'a' } });
    expect(Date.now() - before).toBeLessThan(900);
    const saga = await show(t, 'a');
    expect(saga.context.results).toMatchObject({ 'the hotel': { tripId: 'a' } });
    expect(saga.log.find(({ step, became }) => step === 'the hotel' && became === 'OK')?.detail).toMatch(/^event evt_/);
  });

  test('sees an event that arrived after its start and before it waited', async () => {
    using folder = temporaryFolder();
    const reached = gate();
    const world = { ...newWorld(), saga: waiter('1m', () => reached.opened) };
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(
      () => t.runtime.client(Trips).state({ tripId: 'a' }),
      ({ state }) => state === 'accepted',
    );
    await book(t, 'a');
    await eventually(
      () => kept(t),
      (count) => count === 1,
    );
    reached.open();
    expect(await resultOf(t, 'a')).toEqual({ heard: { tripId: 'a' } });
    expect((await show(t, 'a')).epoch).toBe(1);
  });

  test('sees neither an event from before its start nor one of another key, and continues without an event after the timeout', async () => {
    using folder = temporaryFolder();
    // Another saga is open from the beginning, so that events are kept.
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: waiter('1s') } });
    const trips = t.runtime.client(Trips);
    await trips.plan({ tripId: 'other' });
    await book(t, 'a');
    await eventually(
      () => kept(t),
      (count) => count === 1,
    );
    await trips.plan({ tripId: 'a' });
    await asleep(t);
    await book(t, 'b');
    expect(await resultOf(t, 'a')).toEqual({ heard: null });
    const log = (await show(t, 'a')).log.filter(({ step }) => step === 'the hotel');
    expect(log.at(-1)?.detail).toBe('no event arrived in time');
    expect(Date.parse(log.at(-1)?.at ?? '') - Date.parse(log[0]?.at ?? '')).toBeGreaterThanOrEqual(1_000);
  });

  test('does not mistake late history for an answer', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: waiter('1s') } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await publish(t, { id: 'evt_1', timestamp: new Date(Date.now() - 61_000).toISOString() });
    await eventually(
      () => kept(t),
      (count) => count === 1,
    );
    expect(await resultOf(t, 'a')).toEqual({ heard: null });
  });

  test('receives the first event under every name, even if more have arrived', async () => {
    using folder = temporaryFolder();
    const reached = gate();
    const { TripPlanned } = Trips.events;
    const saga = program(
      async ({ tripId }, { step, waitFor, parallel, use: { trips } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        await reached.opened;
        const wait = (name: string) => waitFor(name, RoomBooked, { key: tripId, timeout: '1m' });
        const own = waitFor('planned', TripPlanned, { key: tripId, timeout: '1m' });
        return parallel({ one: wait('one'), two: wait('two'), own });
      },
      [RoomBooked, TripPlanned],
    );
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await publish(t, { id: 'evt_1' }, { id: 'evt_2' });
    await eventually(
      () => kept(t),
      (count) => count === 3,
    );
    reached.open();
    expect(await resultOf(t, 'a')).toEqual({ one: { tripId: 'a' }, two: { tripId: 'a' }, own: { tripId: 'a' } });
    const { steps, log } = await show(t, 'a');
    expect(steps.filter(({ kind }) => kind === 'wait')).toHaveLength(3);
    const heard = log.filter(({ step, became }) => (step === 'one' || step === 'two') && became === 'OK').map(({ detail }) => detail);
    expect(heard).toEqual(['event evt_1', 'event evt_1']);
  });

  test('receives an event even if its service’s own reaction to the event fails', async () => {
    using folder = temporaryFolder();
    const world = { ...newWorld(), saga: waiter('1m') };
    world.hook = (name) => {
      if (name === 'trips.heard') throw new Error('the reaction is broken');
    };
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await book(t, 'a');
    expect(await resultOf(t, 'a')).toEqual({ heard: { tripId: 'a' } });
  });

  test('continues while another step is under way', async () => {
    using folder = temporaryFolder();
    const bought = gate();
    const saga = program(
      async ({ tripId }, { step, waitFor, parallel, use: { trips, flights } }) => {
        const confirmed = async () => {
          await waitFor('the hotel', RoomBooked, { key: tripId, timeout: '1m' });
          await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        };
        const flight = step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }) });
        await parallel({ confirmed: confirmed(), flight });
      },
      [RoomBooked],
    );
    const world = { ...newWorld(), saga };
    world.hook = (name) => (name === 'flights.perform' ? bought.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => world.calls.includes('flights.perform'));
    await book(t, 'a');
    await eventually(
      () => t.runtime.client(Trips).state({ tripId: 'a' }),
      ({ state }) => state === 'accepted',
      2_000,
    );
    bought.open();
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPLETED', epoch: 1 });
  });

  test('misses no event that arrives while the saga is being released', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: waiter('10m') } });
    const { store } = hosted(t, 'trips');
    const lettingGo = gate();
    const come = gate();
    const write = store.write.bind(store);
    (store as { write: typeof write }).write = async (work, options) => {
      if (options?.name === 'saga plan-trip' && (await store.reader.get("select 1 from ramet_saga_steps where kind = 'wait'"))) {
        lettingGo.open();
        await come.opened;
      }
      return write(work, options);
    };
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await lettingGo.opened;
    await book(t, 'a');
    await eventually(
      () => kept(t),
      (count) => count === 1,
    );
    come.open();
    expect((await ended(t, 'a', 3_000)).context.results).toMatchObject({ 'the hotel': { tripId: 'a' } });
  });

  test('is undone at once when it is cancelled', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: waiter('10m') } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await asleep(t);
    expect(await t.runtime.client(Trips).cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    const saga = await ended(t, 'a', 3_000);
    expect(saga).toMatchObject({ state: 'COMPENSATED', compensatedSteps: ['accept'] });
    expect(saga.steps.find(({ name }) => name === 'the hotel')?.state).toBe('CANCELLED');
  });

  test('returns the same when the program runs again, whatever has arrived since', async () => {
    using folder = temporaryFolder();
    const heard: unknown[] = [];
    const bought = gate();
    const saga = program(
      async ({ tripId }, { step, waitFor, pivot, use: { trips, flights } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        heard.push(await waitFor('the hotel', RoomBooked, { key: tripId, timeout: '300ms' }));
        await step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }) });
        await pivot('confirm', trips.confirm({ tripId }));
      },
      [RoomBooked],
    );
    const world = { ...newWorld(), saga };
    world.hook = (name) => (name === 'flights.perform' ? bought.opened : undefined);
    {
      const t = await startTravel(folder.path, { world });
      await t.runtime.client(Trips).plan({ tripId: 'a' });
      await eventually(() => world.calls.includes('flights.perform'));
      await book(t, 'a');
      await eventually(
        () => kept(t),
        (count) => count === 1,
      );
      const stopping = t.runtime.stop();
      bought.open();
      await stopping;
    }
    await using t = await startTravel(folder.path, { world });
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    expect(heard).toEqual([undefined, undefined]);
  });
});

describe('a wait and a process that ends', () => {
  test('receives after a kill what has arrived since', async () => {
    using folder = temporaryFolder();
    await killedAsleep(folder.path, 'waits', 'a');
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: PROGRAMS.waits } });
    await book(t, 'a');
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPLETED', epoch: 2 });
  });

  test('prefers an event that was published during a downtime to the timeout', async () => {
    using folder = temporaryFolder();
    const world = { ...newWorld(), saga: waiter('1s') };
    {
      await using t = await startTravel(folder.path, { world });
      await t.runtime.client(Trips).plan({ tripId: 'last' });
      await asleep(t);
    }
    {
      // The service of the saga is down; the other one continues, and publishes a lot.
      await using t = await startTravel(folder.path, { world, hosts: ['hotels'] });
      for (let from = 0; from < 1_500; from += 100)
        await Promise.all(Array.from({ length: 100 }, (_, i) => book(t, `someone ${from + i}`)));
      await book(t, 'last');
    }
    const awayAt = Date.now();
    await eventually(() => Date.now() > awayAt + 1_000);
    await using t = await startTravel(folder.path, { world });
    expect(await resultOf(t, 'last')).toEqual({ heard: { tripId: 'last' } });
  });
});

describe('events kept for sagas', () => {
  test('are kept only while a saga may wait for them, and deleted after that', async () => {
    using folder = temporaryFolder();
    const world = { ...newWorld(), saga: waiter('1m') };
    {
      await using t = await startTravel(folder.path, { world });
      await book(t, 'early');
      await eventually(() => hosted(t, 'trips').store.reader.get('select 1 from ramet_saga_counter where seq = 1'));
      await t.runtime.client(Trips).plan({ tripId: 'a' });
      await book(t, 'someone');
      await eventually(
        () => kept(t),
        (count) => count === 1,
      );
      await book(t, 'a');
      await ended(t, 'a');
      expect(await kept(t)).toBe(2);
    }
    await using t = await startTravel(folder.path, { world });
    await eventually(
      () => kept(t),
      (count) => count === 0,
    );
  });

  test('that this service cannot read become dead letters of its sagas, too', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: waiter('300ms') } });
    await publish(t, { id: 'evt_odd', version: 2 });
    const letters = () => hosted(t, 'trips').store.reader.all('select subscriber, event_id from ramet_dead_letters order by subscriber');
    await eventually(letters, (rows) => rows.length === 2);
    expect(await letters()).toEqual([
      { subscriber: 'trips', event_id: 'evt_odd' },
      { subscriber: 'trips:sagas', event_id: 'evt_odd' },
    ]);
  });
});

describe('a wait that is not possible', () => {
  test('diverges if it returns for another event or another key', async () => {
    using folder = temporaryFolder();
    {
      await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: waiter('10m') } });
      await t.runtime.client(Trips).plan({ tripId: 'a' });
      await asleep(t);
      await t.runtime.stop();
    }
    const other = program(
      async ({ tripId }, { step, waitFor, use: { trips } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        await waitFor('the hotel', Trips.events.TripPlanned, { key: tripId, timeout: '1m' });
      },
      [RoomBooked, Trips.events.TripPlanned],
    );
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: other } });
    // Something wakes it: the new program does not fit.
    await book(t, 'a');
    expect(await ended(t, 'a')).toMatchObject({
      state: 'DIVERGED',
      attention: "step 'the hotel' was 'wait hotels.RoomBooked' and is 'wait trips.TripPlanned' now",
    });
  });

  test('is an error of the program if the saga does not list the event', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { waitFor }) => void (await waitFor('x', RoomBooked, { key: tripId, timeout: '1m' })));
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect(await ended(t, 'a')).toMatchObject({
      state: 'COMPENSATED',
      failureReason: expect.stringContaining("waits for 'hotels.RoomBooked', which its 'waitsFor' does not name"),
    });
  });

  test('is a problem at boot if the topology does not have the event’s service', async () => {
    using folder = temporaryFolder();
    const lonely = declare('lonely', {
      input: Trips.commands.plan.input,
      key: 'tripId',
      uses: {},
      waitsFor: [RoomBooked],
      run: async () => {},
    });
    const flights = { buy: () => ({ ticket: '' }), refund: () => {} };
    const definition = service(Flights).implement({ commands: flights, queries: { state: () => ({ state: '' }) }, sagas: [lonely] });
    await expect(
      start(topology({ services: { flights: definition }, profiles: { monolith: { store: sqlite(folder.path), bus: embedded() } } }), {
        logLevel: 'silent',
      }),
    ).rejects.toThrow("service 'flights', saga 'lonely' waits for 'hotels.RoomBooked', but the topology has no 'hotels'");
  });
});
