import { describe, expect, test } from 'vitest';
import { act, ended, show } from '../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, staysTrueFor, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { Flights, Hotels, newWorld, planTrip, Trips } from '../runtime/fixtures/travel.fixture.ts';
import type { Saga, SagaContext } from './index.ts';

const settled = (state: { state: string }) => ['confirmed', 'dropped'].includes(state.state);

describe('a saga', () => {
  test('completes, and its record has the form that the guides describe', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path);
    const trips = t.runtime.client(Trips);
    await trips.plan({ tripId: 'a' });
    await eventually(
      () => trips.state({ tripId: 'a' }),
      (state) => state.state === 'confirmed',
    );
    const saga = await ended(t, 'a');
    expect(saga).toMatchObject({
      saga: 'plan-trip',
      key: 'a',
      status: 'completed',
      state: 'COMPLETED',
      completedSteps: ['accept', 'book hotel', 'buy flight', 'confirm'],
      compensatedSteps: [],
    });
    expect(saga.context.results).toEqual({ 'book hotel': { room: 7 }, 'buy flight': { ticket: 'T-a' } });
    expect(saga.log.map((entry) => entry.became)).toEqual([
      'RUNNING',
      'STARTED',
      'OK',
      'STARTED',
      'OK',
      'STARTED',
      'OK',
      'STARTED',
      'OK',
      'COMPLETED',
    ]);
    await eventually(
      () => trips.state({ tripId: 'a' }),
      (state) => state.heard === 1,
    );
  });

  test('undoes its steps in reverse order when a step is refused, and nothing else', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path);
    const trips = t.runtime.client(Trips);
    await trips.plan({ tripId: 'grounded-b' });
    expect(await eventually(() => trips.state({ tripId: 'grounded-b' }), settled)).toMatchObject({ state: 'dropped', reason: 'NoSeat' });
    const saga = await ended(t, 'grounded-b');
    expect(saga).toMatchObject({
      status: 'failed',
      state: 'COMPENSATED',
      failureReason: 'NoSeat',
      compensatedSteps: ['accept', 'book hotel'],
    });
    expect(saga.log.filter((entry) => entry.became === 'COMPENSATED').map((entry) => entry.step)).toEqual([
      'book hotel',
      'accept',
      undefined,
    ]);
    expect(t.world.calls).not.toContain('flights.refund');
    expect((await t.runtime.client(Hotels).booked({})).cancelled).toEqual(['grounded-b']);
  });

  test.each([
    ['a declared failure', undefined, 'NoSeat', 'info'],
    [
      'a declared failure as the cause of another error',
      (cause: unknown) => new Error('all booked', { cause }),
      'Error: all booked',
      'info',
    ],
    ['an undeclared error', () => new Error('a mistake'), 'Error: a mistake', 'warn'],
  ])('that ends with %s is logged at the level that fits', async (_, worded, reason, level) => {
    using folder = temporaryFolder();
    const run = async (trip: { tripId: string }, saga: SagaContext<typeof planTrip.uses>) => {
      try {
        await planTrip.run(trip, saga);
      } catch (error) {
        throw worded ? worded(error) : error;
      }
    };
    const world = { ...newWorld(), saga: { ...planTrip, run } as unknown as Saga<{ tripId: string }, unknown> };
    await using t = await startTravel(folder.path, { world, logLevel: 'info' });
    await t.runtime.client(Trips).plan({ tripId: 'grounded-l' });
    expect(await ended(t, 'grounded-l')).toMatchObject({ state: 'COMPENSATED', failureReason: reason });
    const told = t.lines.filter((line) => /saga_(?:failed|threw)/.test(line)).map((line) => JSON.parse(line) as object);
    expect(told).toEqual([expect.objectContaining({ level, saga: 'plan-trip', key: 'grounded-l' })]);
    // An expected end must not look like a crash.
    if (level === 'info') expect(told).toEqual([expect.objectContaining({ reason })]);
    expect(JSON.stringify(told).includes('stack')).toBe(level === 'warn');
  });

  test('starts once, however often it is started', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path);
    const trips = t.runtime.client(Trips);
    const answers = await Promise.all([
      trips.plan({ tripId: 'c' }, { key: 'k' }),
      trips.plan({ tripId: 'c' }, { key: 'k' }),
      trips.plan({ tripId: 'c' }, { key: 'k' }),
    ]);
    expect(answers).toEqual([{ tripId: 'c' }, { tripId: 'c' }, { tripId: 'c' }]);
    await eventually(() => trips.state({ tripId: 'c' }), settled);
    const rows = await t.runtime.services.get('trips')?.store.reader.all('select id from ramet_sagas');
    expect(rows).toHaveLength(1);
    await trips.again({ tripId: 'c' });
    expect(await t.runtime.services.get('trips')?.store.reader.all('select id from ramet_sagas')).toHaveLength(1);
    expect(t.world.calls.filter((call) => call === 'hotels.book')).toHaveLength(1);
  });

  test('undoes a step that took effect and whose answer never arrived', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    // The airline issues the ticket, and every answer, the look-up's too, gets lost until the deadline has passed.
    let lost = true;
    world.hook = (name) => {
      if (lost && (name === 'flights.performed' || name === 'flights.lookup')) throw new Error('the line is dead');
    };
    await using t = await startTravel(folder.path, { world });
    const trips = t.runtime.client(Trips);
    await trips.plan({ tripId: 'd' });
    await eventually(
      () => show(t, 'd'),
      (saga) => saga.state === 'COMPENSATING',
      20_000,
    );
    expect([...world.tickets.values()]).toEqual(['issued']);
    lost = false;
    const saga = await ended(t, 'd');
    expect(saga.state).toBe('COMPENSATED');
    expect(saga.steps.find((step) => step.name === 'buy flight')).toMatchObject({
      state: 'UNKNOWN',
      compensation: { state: 'COMPENSATED' },
    });
    expect([...world.tickets.values()]).toEqual(['refunded']);
    expect(world.calls.filter((call) => call === 'flights.refund')).toHaveLength(1);
  });

  test('leaves a tombstone, so that a request has no effect if it arrives after the undo', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const held: (() => void)[] = [];
    world.hook = (name) => (name === 'hotels.book' ? new Promise<void>((resolve) => held.push(resolve)) : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'e' });
    const saga = await ended(t, 'e');
    expect(saga.state).toBe('COMPENSATED');
    expect(saga.steps.find((step) => step.name === 'book hotel')).toMatchObject({
      state: 'UNKNOWN',
      compensation: { state: 'COMPENSATED' },
    });
    // Only now do the requests of all attempts get through.
    expect(held.length).toBeGreaterThan(0);
    for (const release of held) release();
    await staysTrueFor(200, async () => (await t.runtime.client(Hotels).booked({})).trips.length === 0);
  });

  test('obeys a cancellation at its next step, and refuses it after the pivot', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    let release = () => {};
    world.hook = (name) => (name === 'flights.perform' ? new Promise<void>((resolve) => (release = resolve)) : undefined);
    await using t = await startTravel(folder.path, { world });
    const trips = t.runtime.client(Trips);
    await trips.plan({ tripId: 'f' });
    await eventually(() => world.calls.includes('flights.perform'));
    expect(await trips.cancel({ tripId: 'f' })).toEqual({ answer: 'accepted' });
    release();
    expect(await eventually(() => trips.state({ tripId: 'f' }), settled)).toMatchObject({ state: 'dropped', reason: 'changed my mind' });
    expect((await ended(t, 'f')).compensatedSteps).toEqual(['accept', 'book hotel', 'buy flight']);
    expect([...world.tickets.values()]).toEqual(['refunded']);
    world.hook = () => {};
    await trips.plan({ tripId: 'g' });
    await eventually(() => trips.state({ tripId: 'g' }), settled);
    expect(await trips.cancel({ tripId: 'g' })).toEqual({ answer: 'refused' });
  });
});

describe('a saga between two owners', () => {
  test('continues with the new owner, and the old owner can write nothing when it wakes up', async () => {
    using folder = temporaryFolder();
    // The first owner falls asleep right after the hotel answered, with its lease running out.
    const { realPlatform } = await import('../platform/index.ts');
    const platform = realPlatform();
    let wake = () => {};
    let asleep = false;
    let calls = 0;
    const sleepy = {
      ...platform,
      point: (site: string) => {
        if (site !== 'saga.called' || ++calls !== 2) return undefined;
        asleep = true;
        return new Promise<void>((resolve) => (wake = resolve));
      },
    };
    const world = newWorld();
    await using first = await startTravel(folder.path, { world, platform: sleepy, exclusive: false });
    await first.runtime.client(Trips).plan({ tripId: 'i' });
    await eventually(() => asleep);
    // A sleeping process renews nothing: its lease is over.
    const store = first.runtime.services.get('trips')?.store;
    await store?.write((tx) => tx.run('update ramet_sagas set lease_until = 0'));
    await using second = await startTravel(folder.path, { world, exclusive: false });
    await eventually(() => second.runtime.client(Trips).state({ tripId: 'i' }), settled, 20_000);
    const saga = await ended(second, 'i');
    expect(saga).toMatchObject({ state: 'COMPLETED', epoch: 2 });
    wake();
    await staysTrueFor(300, async () => (await show(second, 'i')).log.length === saga.log.length);
    expect((await show(second, 'i')).log).toEqual(saga.log);
    expect(world.calls.filter((call) => call === 'flights.perform')).toHaveLength(1);
    expect([...world.tickets.values()]).toEqual(['issued']);
  });
});

test('an effect that was certainly refused is recorded and not performed again', async () => {
  using folder = temporaryFolder();
  await using t = await startTravel(folder.path);
  const flights = t.runtime.client(Flights);
  expect(await flights.buy.try({ tripId: 'grounded-j' }, { key: 'k' })).toMatchObject({ ok: false, error: 'NoSeat' });
  expect(await flights.buy.try({ tripId: 'grounded-j' }, { key: 'k' })).toMatchObject({ ok: false, error: 'NoSeat' });
  expect(t.world.calls.filter((call) => call === 'flights.perform')).toHaveLength(1);
  await expect(flights.buy({ tripId: 'other' }, { key: 'k' })).rejects.toMatchObject({ code: 'IdempotencyKeyReused' });
});

describe('a saga and its program', () => {
  /** Leaves a saga of the usual program at its third step, in a process that stops. */
  const stoppedAtFlight = async (folder: string) => {
    const world = newWorld();
    let release = () => {};
    world.hook = (name) =>
      name === 'flights.perform'
        ? new Promise<void>((resolve) => {
            release = resolve;
          })
        : undefined;
    const t = await startTravel(folder, { world });
    await t.runtime.client(Trips).plan({ tripId: 'k' });
    await eventually(() => world.calls.includes('flights.perform'));
    const stopping = t.runtime.stop();
    release();
    await stopping;
    return world.tickets;
  };
  const withProgram = (
    run: (trip: { tripId: string }, saga: SagaContext<typeof planTrip.uses>) => Promise<unknown>,
    version = 1,
    previous: Saga[] = [],
  ) => ({ ...planTrip, version, previous, run }) as unknown as Saga<{ tripId: string }, unknown>;

  test('a program that does not fit the journal suspends the saga, which keeps everything and waits for an operator', async () => {
    using folder = temporaryFolder();
    const tickets = await stoppedAtFlight(folder.path);
    const other = withProgram(async ({ tripId }, saga) => {
      const { trips, hotels } = saga.use as any;
      await saga.step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await saga.step('book hotel', hotels.cancel({ tripId }), { undo: 'nothing' });
    });
    const world = { ...newWorld(), tickets, saga: other };
    await using t = await startTravel(folder.path, { world });
    const saga = await ended(t, 'k');
    expect(saga).toMatchObject({
      state: 'DIVERGED',
      status: 'running',
      attention: "step 'book hotel' was 'step hotels.book' and is 'step hotels.cancel' now",
      compensatedSteps: [],
    });
    await act(t, saga.sagaId, { kind: 'compensate', reason: 'the program is gone' });
    const after = await ended(t, 'k');
    expect(after.state).toBe('COMPENSATED');
    expect(after.compensatedSteps).toEqual(['accept', 'book hotel', 'buy flight']);
    expect([...tickets.values()]).not.toContain('issued');
  });

  test('continues after a deploy that restores a fitting program', async () => {
    using folder = temporaryFolder();
    const tickets = await stoppedAtFlight(folder.path);
    const newest = withProgram(async () => 'nothing', 2);
    {
      await using t = await startTravel(folder.path, { world: { ...newWorld(), tickets, saga: newest } });
      expect(await ended(t, 'k')).toMatchObject({ state: 'DIVERGED', attention: expect.stringContaining("list it in 'previous'") });
      expect(t.lines.join('')).toContain('programs_missing');
    }
    await using t = await startTravel(folder.path, { world: { ...newWorld(), tickets, saga: { ...newest, previous: [planTrip] } } });
    await act(t, (await show(t, 'k')).sagaId, { kind: 'retry' });
    expect(await ended(t, 'k')).toMatchObject({ state: 'COMPLETED', programVersion: 1 });
    expect([...tickets.values()]).toEqual(['issued']);
  });

  test('two steps with one name, and a step with an undo after the pivot, are refused when the program requests them', async () => {
    using folder = temporaryFolder();
    const twice = withProgram(async ({ tripId }, saga) => {
      const { trips } = saga.use as any;
      await saga.step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await saga.step('accept', trips.accept({ tripId }), { undo: 'nothing' });
    });
    {
      await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: twice } });
      await t.runtime.client(Trips).plan({ tripId: 'l' });
      expect(await ended(t, 'l')).toMatchObject({ state: 'COMPENSATED', failureReason: expect.stringContaining('DuplicateStep') });
    }
    const late = withProgram(async ({ tripId }, saga) => {
      const { trips, hotels } = saga.use as any;
      await saga.pivot('confirm', trips.confirm({ tripId }));
      await saga.step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: late } });
    await t.runtime.client(Trips).plan({ tripId: 'm' });
    expect(await ended(t, 'm')).toMatchObject({ state: 'DIVERGED', attention: expect.stringContaining('CompensationAfterPivot') });
  });

  test('a refused pivot is not a point of no return: the saga is undone', async () => {
    using folder = temporaryFolder();
    const refused = withProgram(async ({ tripId }, saga) => {
      const { trips, hotels } = saga.use as any;
      await saga.step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await saga.pivot('book hotel', hotels.book({ tripId }));
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: refused } });
    await t.runtime.client(Trips).plan({ tripId: 'full-p' });
    expect(await ended(t, 'full-p')).toMatchObject({ state: 'COMPENSATED', failureReason: 'Full', compensatedSteps: ['accept'] });
  });

  test('random values and times are the same when the program runs again', async () => {
    using folder = temporaryFolder();
    const seen: unknown[][] = [];
    const chancy = withProgram(async ({ tripId }, saga) => {
      const { trips, flights } = saga.use as any;
      await saga.step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      seen.push([saga.now().getTime(), saga.id('x'), saga.random()]);
      await saga.step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }) });
      await saga.pivot('confirm', trips.confirm({ tripId }));
    });
    const world = { ...newWorld(), saga: chancy };
    let release = () => {};
    world.hook = (name) => (name === 'flights.perform' ? new Promise<void>((resolve) => (release = resolve)) : undefined);
    {
      const t = await startTravel(folder.path, { world });
      await t.runtime.client(Trips).plan({ tripId: 'n' });
      await eventually(() => world.calls.includes('flights.perform'));
      const stopping = t.runtime.stop();
      release();
      await stopping;
    }
    await using t = await startTravel(folder.path, { world: { ...world, hook: () => {} } });
    expect((await ended(t, 'n')).state).toBe('COMPLETED');
    expect(seen).toHaveLength(2);
    expect(seen[1]).toEqual(seen[0]);
  });
});
