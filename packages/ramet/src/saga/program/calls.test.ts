import { describe, expect, test } from 'vitest';
import { effectsOf, ended, intercept, program } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

const FREE = { undo: 'nothing' } as const;

describe('a call that is given to no step', () => {
  const fails = async (run: Parameters<typeof program>[0]) => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: program(run) } });
    const effects = effectsOf(t, ['trips', 'hotels']);
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    const after = await ended(t, 'a');
    return { ...after, effects };
  };
  const why = expect.stringContaining('CallWithoutStep: the program makes the call hotels.book and gives it to no step');

  test('is an error as soon as it is awaited', async () => {
    const { state, failureReason, effects } = await fails(async ({ tripId }, { step, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await hotels.book({ tripId });
      await step('confirm', trips.confirm({ tripId }), FREE);
    });
    expect({ state, failureReason, effects }).toEqual({ state: 'COMPENSATED', failureReason: why, effects: ['accept', 'drop'] });
  });

  test('is an error before the pivot, and at the end, when it is not', async () => {
    const before = await fails(async ({ tripId }, { step, pivot, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      hotels.book({ tripId });
      await pivot('confirm', trips.confirm({ tripId }));
    });
    expect(before).toMatchObject({ state: 'COMPENSATED', failureReason: why, effects: ['accept', 'drop'] });
    const atEnd = await fails(async ({ tripId }, { step, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      hotels.book({ tripId });
    });
    expect(atEnd).toMatchObject({ state: 'COMPENSATED', failureReason: why, effects: ['accept', 'drop'] });
  });

  test('may be made long before it is given to its step', async () => {
    const { state } = await fails(async ({ tripId }, { step, sleep, use: { trips, hotels } }) => {
      const [book, undo] = [hotels.book({ tripId }), hotels.cancel({ tripId })];
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await sleep('one', '50ms');
      await step('book hotel', book, { undo });
    });
    expect(state).toBe('COMPLETED');
  });
});

describe('a program that awaits something of its own', () => {
  test('is named in the log once, and goes on', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await new Promise((resolve) => setTimeout(resolve, 30));
      await step('confirm', trips.confirm({ tripId }), FREE);
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    for (const tripId of ['a', 'b']) {
      await t.runtime.client(Trips).plan({ tripId });
      expect((await ended(t, tripId)).state).toBe('COMPLETED');
    }
    const warnings = t.lines.filter((line) => line.includes('saga_awaits_elsewhere'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('"saga":"plan-trip"');
  });

  test('is not when its promises take many turns of their own', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, sleep, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      for (let turn = 0; turn < 1_000; turn++) await undefined;
      await Promise.all([sleep('one', '20ms'), step('confirm', trips.confirm({ tripId }), FREE)]);
      for (let turn = 0; turn < 1_000; turn++) await undefined;
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    expect(t.lines.filter((line) => line.includes('saga_awaits_elsewhere'))).toEqual([]);
  });
});

describe('a cancellation while a step is tried again', () => {
  test.each(['alone', 'in parallel'])('takes effect before its next attempt, for its own reason: %s', async (how) => {
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
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    let attempts = 0;
    let cancelled = 0;
    intercept(t, 'hotels', async (operation, real) => {
      if (operation !== 'book') return real();
      attempts++;
      return { ok: false, kind: 'fault', code: 'Internal', detail: 'broken', issues: [], executed: 'unknown' } as never;
    });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => attempts >= 3);
    expect(await t.runtime.client(Trips).cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    cancelled = attempts;
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPENSATED', failureReason: 'changed my mind' });
    // An attempt may have been on its way.
    expect(attempts - cancelled).toBeLessThanOrEqual(how === 'alone' ? 1 : 2);
  });

  test('waits for the first step, whose undo is how the owner learns of the end', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }), deadline: '1h' });
      await step('confirm', trips.confirm({ tripId }), FREE);
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    let attempts = 0;
    const down = { yes: true };
    intercept(t, 'trips', async (operation, real) => {
      if (operation !== 'accept' || !down.yes) return real();
      attempts++;
      return { ok: false, kind: 'fault', code: 'Unavailable', detail: 'away', issues: [], executed: 'no' } as never;
    });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(() => attempts >= 2);
    await t.runtime.client(Trips).cancel({ tripId: 'a' });
    down.yes = false;
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPENSATED', failureReason: 'changed my mind', compensatedSteps: ['accept'] });
  });
});
