import { describe, expect, test } from 'vitest';
import {
  cancel,
  effectsOf,
  ended,
  FREE,
  fault,
  gate,
  intercept,
  program,
  refuse,
  show,
  startProgram,
  stepIs,
} from '../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, temporaryFolder } from '../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../runtime/fixtures/travel.fixture.ts';

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

  test('prevents a pivot that is the first step', async () => {
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

  test('waits for the first step, even if a query or a value came before it', async () => {
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

  test('counts even after the last step of a program without a pivot', async () => {
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

  test('gets the same answer when it is requested again, whatever the undo did', async () => {
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

describe('a cancellation while a step is retried', () => {
  test.each(['alone', 'in parallel'])('takes effect before the next attempt, with its own reason: %s', async (how) => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, sleep, parallel, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      const book = () => step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }), deadline: '1h' });
      if (how === 'alone') await book();
      else
        await parallel({
          a: book(),
          b: sleep('night', '1h'),
          c: step('book another', hotels.book({ tripId: `${tripId}2` }), { undo: hotels.cancel({ tripId: `${tripId}2` }), deadline: '1h' }),
        });
    });
    await using t = await startProgram(folder.path, saga);
    let attempts = 0;
    let cancelled = 0;
    intercept(t, 'hotels', async (operation, real) => {
      if (operation !== 'book') return real();
      attempts++;
      return fault('Internal', 'unknown');
    });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => attempts >= 3);
    expect(await t.runtime.client(Trips).cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    cancelled = attempts;
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPENSATED', failureReason: 'changed my mind' });
    // An attempt may have been on its way.
    expect(attempts - cancelled).toBeLessThanOrEqual(how === 'alone' ? 1 : 2);
  });

  test('waits for the first step, because the undo of that step notifies the owner', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }), deadline: '1h' });
      await step('confirm', trips.confirm({ tripId }), FREE);
    });
    await using t = await startProgram(folder.path, saga);
    let attempts = 0;
    const down = { yes: true };
    intercept(t, 'trips', async (operation, real) => {
      if (operation !== 'accept' || !down.yes) return real();
      attempts++;
      return fault('Unavailable', 'no');
    });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => attempts >= 2);
    await t.runtime.client(Trips).cancel({ tripId: 'a' });
    down.yes = false;
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPENSATED', failureReason: 'changed my mind', compensatedSteps: ['accept'] });
  });
});

describe('a saga with two pivots', () => {
  test.each(['first', 'second'] as const)(
    'cannot be cancelled if the %s pivot was accepted and the other one refused',
    async (accepted) => {
      using folder = temporaryFolder();
      const saga = program(async ({ tripId }, { step, pivot, sleep, use: { trips, hotels, flights } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        await pivot('by hotel', hotels.book({ tripId })).catch(() => {});
        await pivot('by flight', flights.buy({ tripId })).catch(() => {});
        await sleep('one', '100ms');
        await sleep('two', '700ms');
        await step('confirm', trips.confirm({ tripId }), FREE);
      });
      await using t = await startProgram(folder.path, saga);
      const refused = accepted === 'first' ? 'flights' : 'hotels';
      refuse(t, refused, refused === 'hotels' ? 'Full' : 'NoSeat');
      const effects = effectsOf(t, ['trips', 'hotels', 'flights']);
      await t.runtime.client(Trips).plan({ tripId: 'a' });
      await stepIs(t, 'a', 'two', 'WAITING');
      expect(await cancel(t, 'a')).toBe('refused');
      expect((await ended(t, 'a')).state).toBe('COMPLETED');
      expect(effects).toEqual(['accept', accepted === 'first' ? 'book' : 'buy', 'confirm']);
    },
  );

  test('can be cancelled if both were refused', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, pivot, sleep, use: { trips, hotels, flights } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await pivot('by hotel', hotels.book({ tripId })).catch(() => {});
      await pivot('by flight', flights.buy({ tripId })).catch(() => {});
      await sleep('one', '100ms');
      await sleep('two', '1h');
    });
    await using t = await startProgram(folder.path, saga);
    refuse(t, 'hotels', 'Full');
    refuse(t, 'flights', 'NoSeat');
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await stepIs(t, 'a', 'two', 'WAITING');
    expect(await cancel(t, 'a')).toBe('accepted');
    expect((await ended(t, 'a')).state).toBe('COMPENSATED');
  });
});

test('a program that awaits something else for ever can be cancelled', async () => {
  using folder = temporaryFolder();
  const never = gate();
  const saga = program(async ({ tripId }, { step, use: { trips } }) => {
    await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
    await never.opened;
    await step('confirm', trips.confirm({ tripId }), FREE);
  });
  await using t = await startProgram(folder.path, saga);
  const effects = effectsOf(t, ['trips']);
  await t.runtime.client(Trips).plan({ tripId: 'a' });
  await eventually(
    () => show(t, 'a'),
    ({ steps }) => steps.some(({ state }) => state === 'OK'),
  );
  expect(await cancel(t, 'a')).toBe('accepted');
  expect((await ended(t, 'a')).state).toBe('COMPENSATED');
  never.open();
  expect(effects).toEqual(['accept', 'drop']);
});

test.each(['nothing', 'something'] as const)(
  'a step that is cancelled between two attempts, with %s to undo, has an outcome',
  async (undo) => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await step('book hotel', hotels.book({ tripId }), undo === 'nothing' ? FREE : { undo: hotels.cancel({ tripId }) });
    });
    await using t = await startProgram(folder.path, saga);
    let tries = 0;
    intercept(t, 'hotels', async (operation, real) => (operation === 'book' && tries++ >= 0 ? fault('Internal', 'unknown') : real()));
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => tries > 0);
    expect(await cancel(t, 'a')).toBe('accepted');
    const after = await ended(t, 'a');
    expect(after.state).toBe('COMPENSATED');
    expect(after.steps.find(({ name }) => name === 'book hotel')?.state).toBe('UNKNOWN');
  },
);
