import { describe, expect, test } from 'vitest';
import { DeclaredError } from '../../errors/index.ts';
import { ended, fault, gate, hosted, intercept, program } from '../../runtime/fixtures/driving.fixture.ts';
import { startTravel, staysTrueFor, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { Hotels, newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

describe('the outcome of a step', () => {
  test('a deadline shorter than one attempt is kept', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const held = gate();
    world.saga = program(async ({ tripId }, { step, use: { hotels } }) => {
      await step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }), deadline: '200ms' });
    });
    world.hook = (name) => (name === 'hotels.book' ? held.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect((await ended(t, 'a', 3_000)).state).toBe('COMPENSATED');
    held.open();
  });

  test('a refusal of the request says nothing about an earlier attempt whose reply was lost: the step is undone', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    await using t = await startTravel(folder.path, { world });
    let attempts = 0;
    intercept(t, 'hotels', async (operation, real, { step }) => {
      if (operation !== 'book') return real();
      if (++attempts > 1) return fault('BadRequest', 'no', 'the new version wants more');
      expect((await real()).ok).toBe(true);
      expect(step?.undo).toBe(false);
      return fault('DeadlineExceeded', 'unknown');
    });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect((await ended(t, 'a')).state).toBe('COMPENSATED');
    expect(await t.runtime.client(Hotels).booked({})).toEqual({ trips: [], cancelled: ['a'] });
  });

  test('a refusal by `prepare` also counts for attempts that are still on their way', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const held = gate();
    let attempts = 0;
    world.hook = (name) => {
      if (name !== 'hotels.book') return;
      if (++attempts === 1) return held.opened;
      throw new DeclaredError('Full', 409, { tripId: 'a' });
    };
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPENSATED', failureReason: 'Full' });
    held.open();
    await staysTrueFor(300, async () => (await t.runtime.client(Hotels).booked({})).trips.length === 0);
  });
});

describe('a store that is unavailable for one write', () => {
  test('loses no value: the saga does not build on what was not written', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    let failNext = false;
    world.saga = program(async ({ tripId }, saga) => {
      const { trips, hotels } = saga.use;
      await saga.step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      failNext = !world.calls.includes('failed');
      const other = saga.id('trip');
      await saga.step('book hotel', hotels.book({ tripId: other }), { undo: hotels.cancel({ tripId: other }) });
    });
    await using t = await startTravel(folder.path, { world });
    const { store } = hosted(t, 'trips');
    const write = store.write.bind(store);
    (store as { write: unknown }).write = (work: never, options: never) => {
      if (!failNext) return write(work, options);
      failNext = false;
      world.calls.push('failed');
      return Promise.reject(Object.assign(new Error('no room'), { code: 'StoreUnavailable' }));
    };
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPLETED', completedSteps: ['accept', 'book hotel'] });
    expect(world.calls).toContain('failed');
  });
});
