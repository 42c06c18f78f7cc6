import { describe, expect, test } from 'vitest';
import { noticeUnawaited } from '../../errors/index.ts';
import { ended, FREE, gate, intercept, program, refuse, show, startProgram } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, staysTrueFor, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

describe('branches of a program', () => {
  test('a branch that continues after its program failed takes no further step, so the compensation misses nothing', async () => {
    using folder = temporaryFolder();
    const accepted = gate();
    const undoing = gate();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { trips, hotels, flights } }) => {
      const branch = async () => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        await step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }) });
      };
      void branch();
      await step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
      throw new Error('changed its mind');
    });
    await using t = await startTravel(folder.path, { world });
    intercept(t, 'trips', async (operation, real) => {
      if (operation === 'accept') await accepted.opened;
      return real();
    });
    intercept(t, 'hotels', async (operation, real) => {
      if (operation === 'cancel') await undoing.opened;
      return real();
    });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(
      () => show(t, 'a'),
      (saga) => saga.state === 'COMPENSATING',
    );
    accepted.open();
    await staysTrueFor(300, () => !world.calls.includes('flights.perform'));
    undoing.open();
    expect((await ended(t, 'a')).state).toBe('COMPENSATED');
    await staysTrueFor(300, () => !world.calls.includes('flights.perform'));
    expect([...world.tickets.values()]).not.toContain('issued');
  });

  test('a saga does not end while steps are under way that its program did not await', async () => {
    using folder = temporaryFolder();
    const booked = gate();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      void step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
    });
    world.hook = (name) => (name === 'hotels.book' ? booked.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => world.calls.includes('hotels.book'));
    await staysTrueFor(200, async () => (await show(t, 'a')).state === 'RUNNING');
    booked.open();
    const saga = await ended(t, 'a');
    expect(saga).toMatchObject({ state: 'COMPLETED', completedSteps: ['accept', 'book hotel'] });
  });

  test('a refused step that the program does not await does not end the process', async () => {
    using folder = temporaryFolder();
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { trips, flights } }) => {
      const flight = step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }) });
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      void flight;
    });
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'grounded-a' });
    expect((await ended(t, 'grounded-a')).state).toBe('COMPLETED');
    await staysTrueFor(50, () => unhandled.length === 0);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  test('a step beside the pivot whose outcome stays unknown never causes a compensation', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    const lost = gate();
    world.saga = program(async ({ tripId }, { step, pivot, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await Promise.all([
        step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }), timeout: '200ms', deadline: '400ms' }),
        pivot('confirm', trips.confirm({ tripId })),
      ]);
    });
    world.hook = (name) => (name === 'hotels.book' ? lost.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(
      () => t.runtime.client(Trips).state({ tripId: 'a' }),
      (trip) => trip.state === 'confirmed',
    );
    await staysTrueFor(1_000, () => !world.calls.includes('hotels.cancel'));
    expect((await t.runtime.client(Trips).state({ tripId: 'a' })).state).toBe('confirmed');
    lost.open();
    world.hook = () => {};
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
  });
});

describe('a branch that fails while no code awaits it', () => {
  const left: unknown[] = [];
  const failing = program(async ({ tripId }, { step, sleep, use: { trips, hotels, flights } }) => {
    await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
    const steps = [step('book hotel', hotels.book({ tripId }), FREE), step('buy flight', flights.buy({ tripId }), FREE)];
    const told = async () => {
      try {
        await steps[0];
      } catch (cause) {
        throw new Error('no bed', { cause });
      }
    };
    const branches = [told(), (async () => steps[1])(), Promise.any(steps)];
    await sleep('one', '300ms');
    const failed = await Promise.allSettled(branches);
    left.push(failed.map(({ status }) => status).join());
    await step('confirm', trips.confirm({ tripId }), FREE);
  });

  test('does not end the process, and fails where it is awaited', async () => {
    using folder = temporaryFolder();
    const survived: boolean[] = [];
    const hear = (error: unknown) => survived.push(noticeUnawaited(error));
    process.on('unhandledRejection', hear);
    await using t = await startProgram(folder.path, failing);
    refuse(t, 'hotels', 'Full');
    refuse(t, 'flights', 'NoSeat');
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    process.off('unhandledRejection', hear);
    expect(left).toEqual(['rejected,rejected,rejected']);
    expect(survived.length).toBeGreaterThanOrEqual(3);
    expect(survived).not.toContain(false);
  });
});
