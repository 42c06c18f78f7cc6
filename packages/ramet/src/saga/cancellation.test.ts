import { describe, expect, test } from 'vitest';
import { act, ended, fault, gate, hosted, intercept, program, show } from '../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { Hotels, newWorld, Trips } from '../runtime/fixtures/travel.fixture.ts';

describe('an operator who acts while the engine does', () => {
  test('settling one undo does not end a saga whose other undos are still to come', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const dropping = gate();
    world.hook = (name) => {
      if (name === 'hotels.cancel') throw new Error('the hotel has burnt down');
    };
    await using t = await startTravel(folder.path, { world });
    intercept(t, 'trips', async (operation, real) => {
      if (operation === 'drop') await dropping.opened;
      return real();
    });
    await t.runtime.client(Trips).plan({ tripId: 'grounded-a' });
    const saga = await eventually(
      () => show(t, 'grounded-a'),
      (seen) => seen.steps.some((step) => step.name === 'accept' && step.compensation?.state === 'STARTED'),
    );
    expect(saga.state).toBe('COMPENSATING');
    await act(t, saga.sagaId, { kind: 'resolve', step: 'book hotel', effect: 'absent', reason: 'called them' });
    expect((await show(t, 'grounded-a')).state).toBe('COMPENSATING');
    dropping.open();
    expect(await ended(t, 'grounded-a')).toMatchObject({ state: 'COMPENSATED', compensatedSteps: ['accept', 'book hotel'] });
    expect((await t.runtime.client(Trips).state({ tripId: 'grounded-a' })).state).toBe('dropped');
  });

  test('cancelling leaves the saga in the hands that have it: it is undone at its next step, not after a lease', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const flown = gate();
    world.hook = (name) => (name === 'flights.perform' ? flown.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => world.calls.includes('flights.perform'));
    const { sagaId, epoch } = await show(t, 'a');
    await act(t, sagaId, { kind: 'cancel', reason: 'the customer called' });
    flown.open();
    expect(await ended(t, 'a', 8_000)).toMatchObject({ state: 'COMPENSATED', failureReason: 'the customer called', epoch });
    expect([...world.tickets.values()]).toEqual(['refunded']);
  });
});

describe('a cancellation that was accepted', () => {
  const cancelledAt = async (folder: string, run: Parameters<typeof program>[0], at: string) => {
    const world = newWorld();
    const held = gate();
    world.saga = program(run);
    const t = await startTravel(folder, { world });
    let reached = false;
    intercept(t, 'trips', async (operation, real) => {
      if (operation === at) {
        reached = true;
        await held.opened;
      }
      return real();
    });
    intercept(t, 'flights', async (operation, real) => {
      if (operation === at) {
        reached = true;
        await held.opened;
      }
      return real();
    });
    const trips = t.runtime.client(Trips);
    await trips.plan({ tripId: 'a' });
    await eventually(() => reached);
    expect(await trips.cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    held.open();
    return { t, saga: await ended(t, 'a') };
  };

  test('keeps a pivot from being made that is the first step', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const asked = gate();
    world.saga = program(async ({ tripId }, { pivot, use: { trips } }) => {
      // A program must not wait for anything but its steps; here it stands for a process that is slow to begin.
      await asked.opened;
      await pivot('confirm', trips.confirm({ tripId }));
    });
    await using t = await startTravel(folder.path, { world });
    const trips = t.runtime.client(Trips);
    await trips.plan({ tripId: 'a' });
    expect(await trips.cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    asked.open();
    expect((await ended(t, 'a')).state).toBe('COMPENSATED');
    expect((await trips.state({ tripId: 'a' })).state).toBe('planned');
  });

  test('waits for the first step, also when something was asked or drawn before it', async () => {
    using folder = temporaryFolder();
    const { t, saga } = await cancelledAt(
      folder.path,
      async ({ tripId }, { ask, now, step, use: { trips, flights } }) => {
        now();
        await ask('look', flights.state({ tripId }));
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        await step('accept again', trips.accept({ tripId }), { undo: 'nothing' });
      },
      'state',
    );
    await using _t = t;
    expect(saga).toMatchObject({ state: 'COMPENSATED', compensatedSteps: ['accept'] });
    expect(await t.runtime.client(Trips).state({ tripId: 'a' })).toMatchObject({ state: 'dropped', reason: 'changed my mind' });
  });

  test('counts after the last step of a program without a pivot', async () => {
    using folder = temporaryFolder();
    const { t, saga } = await cancelledAt(
      folder.path,
      async ({ tripId }, { step, use: { trips } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      },
      'accept',
    );
    await using _t = t;
    expect(saga.state).toBe('COMPENSATED');
    expect((await t.runtime.client(Trips).state({ tripId: 'a' })).state).toBe('dropped');
  });

  test('is answered the same when it is asked for again, whatever became of the undo', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const flown = gate();
    world.hook = (name) => {
      if (name === 'flights.perform') return flown.opened;
      if (name === 'hotels.cancel') throw new Error('the hotel has burnt down');
    };
    await using t = await startTravel(folder.path, { world });
    const trips = t.runtime.client(Trips);
    await trips.plan({ tripId: 'a' });
    await eventually(() => world.calls.includes('flights.perform'));
    expect(await trips.cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    flown.open();
    expect((await ended(t, 'a')).state).toBe('COMPENSATION_FAILED');
    expect(await trips.cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
  });
});

describe('an undo that could not be attempted', () => {
  test('does not count, also when its deadline passed in the queue', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path);
    let queued = 0;
    intercept(t, 'hotels', async (operation, real) => (operation === 'cancel' && ++queued <= 4 ? fault('DeadlineExceeded', 'no') : real()));
    await t.runtime.client(Trips).plan({ tripId: 'grounded-a' });
    expect((await ended(t, 'grounded-a')).state).toBe('COMPENSATED');
    expect((await t.runtime.client(Hotels).booked({})).cancelled).toEqual(['grounded-a']);
  });

  test('and one that an operator wants tried again has three attempts, however many were used', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path);
    let answer = fault('EffectInDoubt', 'unknown');
    let attempts = 0;
    intercept(t, 'hotels', async (operation, real) => {
      if (operation !== 'cancel') return real();
      attempts++;
      return answer;
    });
    await t.runtime.client(Trips).plan({ tripId: 'grounded-a' });
    const { sagaId, state } = await ended(t, 'grounded-a');
    expect([state, attempts]).toEqual(['IN_DOUBT', 1]);
    answer = fault('Internal', 'unknown');
    await act(t, sagaId, { kind: 'retry' });
    expect((await ended(t, 'grounded-a')).state).toBe('COMPENSATION_FAILED');
    expect(attempts).toBe(4);
    const alerts = await hosted(t, 'trips').store.reader.all("select event_id from ramet_outbox where event = 'trips.SagaNeedsAttention'");
    expect(alerts).toHaveLength(2);
  });
});
