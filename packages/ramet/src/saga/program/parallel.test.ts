import { describe, expect, test } from 'vitest';
import { realPlatform } from '../../platform/index.ts';
import { ended, fault, gate, intercept, program, show } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, staysTrueFor, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

/** Hotel and flight side by side, between the trip's first step and its last. */
const both = (more: { deadline?: '600ms'; failed?: (error: unknown) => void } = {}) =>
  program(async ({ tripId }, { step, pivot, parallel, use: { trips, hotels, flights } }) => {
    await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
    const limits = more.deadline ? ({ timeout: '300ms', deadline: more.deadline } as const) : {};
    const answers = await parallel({
      hotel: step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }), ...limits }),
      flight: step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }), ...limits }),
    }).catch((error: unknown) => {
      more.failed?.(error);
      throw error;
    });
    await pivot('confirm', trips.confirm({ tripId }));
    return answers;
  });

describe('parallel branches', () => {
  test('run side by side, return their answers by name, and store their intents in one commit', async () => {
    using folder = temporaryFolder();
    const met = { hotel: gate(), flight: gate() };
    const world = { ...newWorld(), saga: both() };
    // Each waits for the other: one after the other they would never end.
    world.hook = async (name) => {
      if (name === 'hotels.book') {
        met.hotel.open();
        await met.flight.opened;
      } else if (name === 'flights.perform') {
        met.flight.open();
        await met.hotel.opened;
      }
    };
    const intents: number[] = [];
    const platform = realPlatform();
    await using t = await startTravel(folder.path, { world, platform });
    const { store } = t.runtime.services.get('trips') as NonNullable<ReturnType<typeof t.runtime.services.get>>;
    const write = store.write.bind(store);
    (store as { write: typeof write }).write = (work, options) =>
      write(async (tx) => {
        const steps = async () => Number((await tx.get<{ count: number }>('select count(*) as count from ramet_saga_steps'))?.count);
        const before = await steps();
        const answer = await work(tx);
        intents.push((await steps()) - before);
        return answer;
      }, options);
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    const saga = await ended(t, 'a');
    expect(saga).toMatchObject({ state: 'COMPLETED', completedSteps: ['accept', 'book hotel', 'buy flight', 'confirm'] });
    expect(intents.filter((count) => count > 0)).toEqual([1, 2, 1]);
    const row = await store.reader.get<{ result: string }>('select result from ramet_sagas');
    expect(JSON.parse(row?.result ?? '')).toEqual({ hotel: { room: 7 }, flight: { ticket: 'T-a' } });
  });

  test('are undone in the reverse order of their intents, whichever ended first', async () => {
    using folder = temporaryFolder();
    const late = gate();
    const saga = program(async ({ tripId }, { step, parallel, use: { trips, hotels, flights } }) => {
      await parallel({
        accepted: step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) }),
        hotel: step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) }),
        flight: step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }) }),
      });
      throw new Error('changed its mind');
    });
    const world = { ...newWorld(), saga };
    world.hook = (name) => (name === 'hotels.book' ? late.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => world.tickets.size === 1);
    late.open();
    const { state, log } = await ended(t, 'a');
    expect(state).toBe('COMPENSATED');
    expect(log.filter(({ became, step }) => became === 'COMPENSATED' && step).map(({ step }) => step)).toEqual([
      'buy flight',
      'book hotel',
      'accept',
    ]);
  });

  test('throw the error of the first failed branch as they are written, after the last has ended', async () => {
    using folder = temporaryFolder();
    const full = gate();
    const failed: unknown[] = [];
    const world = { ...newWorld(), saga: both({ failed: (error) => failed.push(error) }) };
    // The flight is refused at once, the hotel much later.
    await using t = await startTravel(folder.path, { world });
    intercept(t, 'hotels', async (operation) => {
      if (operation === 'book') await full.opened;
      return { ok: false, kind: 'declared', error: 'Full', status: 409, data: { tripId: 'grounded-a' } };
    });
    await t.runtime.client(Trips).plan({ tripId: 'grounded-a' });
    await eventually(
      () => show(t, 'grounded-a'),
      ({ steps }) => steps.some(({ state }) => state === 'REJECTED'),
    );
    await staysTrueFor(200, async () => failed.length === 0 && (await show(t, 'grounded-a')).state === 'RUNNING');
    full.open();
    expect(await ended(t, 'grounded-a')).toMatchObject({ state: 'COMPENSATED', failureReason: 'Full', compensatedSteps: ['accept'] });
    expect(failed).toEqual([expect.objectContaining({ error: 'Full' })]);
  });

  test('are undone only after the others are definite, if one stays unknown', async () => {
    using folder = temporaryFolder();
    const issued = gate();
    const saga = program(async ({ tripId }, { step, parallel, use: { trips, hotels, flights } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await parallel({
        hotel: step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }), timeout: '200ms', deadline: '400ms' }),
        flight: step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }), timeout: '5s', deadline: '20s' }),
      });
    });
    const world = { ...newWorld(), saga };
    world.hook = (name) => (name === 'flights.perform' ? issued.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    intercept(t, 'hotels', async (operation, real) => (operation === 'book' ? fault('Unavailable', 'unknown') : real()));
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(
      () => show(t, 'a'),
      ({ steps }) => steps.some(({ name, state }) => name === 'book hotel' && state === 'UNKNOWN'),
    );
    await staysTrueFor(300, async () => (await show(t, 'a')).state === 'RUNNING');
    issued.open();
    const after = await ended(t, 'a');
    expect(after).toMatchObject({ state: 'COMPENSATED', compensatedSteps: ['accept', 'book hotel', 'buy flight'] });
    expect(after.steps.find(({ name }) => name === 'buy flight')?.state).toBe('OK');
    expect([...world.tickets.values()]).toEqual(['refunded']);
  });

  test('are undone together if a cancellation was requested while they were under way', async () => {
    using folder = temporaryFolder();
    const booked = gate();
    const world = { ...newWorld(), saga: both() };
    world.hook = (name) => (name === 'hotels.book' ? booked.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => world.tickets.size === 1 && world.calls.includes('hotels.book'));
    expect(await t.runtime.client(Trips).cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    booked.open();
    expect(await ended(t, 'a')).toMatchObject({
      state: 'COMPENSATED',
      failureReason: 'changed my mind',
      compensatedSteps: ['accept', 'book hotel', 'buy flight'],
    });
  });

  test('that were answered are not called again after a restart', async () => {
    using folder = temporaryFolder();
    const issued = gate();
    const world = { ...newWorld(), saga: both() };
    world.hook = (name) => (name === 'flights.perform' ? issued.opened : undefined);
    {
      const t = await startTravel(folder.path, { world });
      await t.runtime.client(Trips).plan({ tripId: 'a' });
      await eventually(
        () => show(t, 'a'),
        ({ completedSteps }) => completedSteps.includes('book hotel'),
      );
      const stopping = t.runtime.stop();
      issued.open();
      await stopping;
    }
    await using t = await startTravel(folder.path, { world });
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPLETED', epoch: 2 });
    expect(world.calls.filter((call) => call === 'hotels.book')).toHaveLength(1);
    expect([...world.tickets.values()]).toEqual(['issued']);
  });

  test('a join that fails before the program awaits it does not end the process', async () => {
    using folder = temporaryFolder();
    const unhandled: unknown[] = [];
    const note = (error: unknown) => void unhandled.push(error);
    process.on('unhandledRejection', note);
    const saga = program(async ({ tripId }, { step, parallel, use: { trips, flights } }) => {
      void parallel({ flight: step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }) }) });
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    await t.runtime.client(Trips).plan({ tripId: 'grounded-a' });
    expect((await ended(t, 'grounded-a')).state).toBe('COMPLETED');
    await staysTrueFor(50, () => unhandled.length === 0);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });
});
