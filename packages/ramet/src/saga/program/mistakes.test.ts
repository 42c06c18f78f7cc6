import { describe, expect, test } from 'vitest';
import { effectsOf, ended, FREE, program, startProgram } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

describe('a program that breaks the rules', () => {
  test('does not keep the process from stopping when it awaits something else for ever', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await new Promise(() => {});
    });
    const t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(
      () => t.runtime.client(Trips).state({ tripId: 'a' }),
      (trip) => trip.state === 'accepted',
    );
    let stopped = false;
    void t.runtime.stop().then(() => {
      stopped = true;
    });
    await eventually(() => stopped, Boolean, 5_000);
  });

  test('ends, even if its result cannot be stored, or if it throws a value that is not an error', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      if (tripId === 'big') return 1n;
      throw Object.create(null);
    });
    await using t = await startTravel(folder.path, { world });
    for (const tripId of ['big', 'odd']) {
      await t.runtime.client(Trips).plan({ tripId });
      expect((await ended(t, tripId, 5_000)).state).toBe('COMPENSATED');
    }
  });

  test('cannot have a step with the name of another step’s undo', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { hotels } }) => {
      await step('book:undo', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
    });
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPENSATED', failureReason: expect.stringContaining('DuplicateStep') });
  });

  test('a saga of 150 steps completes, and is undone', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { trips } }) => {
      for (let i = 0; i < 150; i++) await step(`accept ${i}`, trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      if (tripId === 'b') throw new Error('enough');
    });
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await t.runtime.client(Trips).plan({ tripId: 'b' });
    expect((await ended(t, 'a', 30_000)).state).toBe('COMPLETED');
    expect((await ended(t, 'b', 30_000)).compensatedSteps).toHaveLength(150);
  });
});

describe('a call that no step receives', () => {
  const fails = async (run: Parameters<typeof program>[0]) => {
    using folder = temporaryFolder();
    await using t = await startProgram(folder.path, program(run));
    const effects = effectsOf(t, ['trips', 'hotels']);
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    const after = await ended(t, 'a');
    return { ...after, effects };
  };
  const why = expect.stringContaining('CallWithoutStep: the program writes the call hotels.book and gives it to no step');

  test('is an error as soon as it is awaited', async () => {
    const { state, failureReason, effects } = await fails(async ({ tripId }, { step, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await hotels.book({ tripId });
      await step('confirm', trips.confirm({ tripId }), FREE);
    });
    expect({ state, failureReason, effects }).toEqual({ state: 'COMPENSATED', failureReason: why, effects: ['accept', 'drop'] });
  });

  test('is an error before the pivot or at the end if it is not awaited', async () => {
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

  test('may be written long before its step receives it', async () => {
    const { state } = await fails(async ({ tripId }, { step, sleep, use: { trips, hotels } }) => {
      const [book, undo] = [hotels.book({ tripId }), hotels.cancel({ tripId })];
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await sleep('one', '50ms');
      await step('book hotel', book, { undo });
    });
    expect(state).toBe('COMPLETED');
  });
});

describe('a program that awaits something other than a step', () => {
  test('is named in the log once, and continues', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await new Promise((resolve) => setTimeout(resolve, 30));
      await step('confirm', trips.confirm({ tripId }), FREE);
    });
    await using t = await startProgram(folder.path, saga);
    for (const tripId of ['a', 'b']) {
      await t.runtime.client(Trips).plan({ tripId });
      expect((await ended(t, tripId)).state).toBe('COMPLETED');
    }
    const warnings = t.lines.filter((line) => line.includes('saga_awaits_elsewhere'));
    expect(warnings).toHaveLength(1);
    expect(warnings[0]).toContain('"saga":"plan-trip"');
  });

  test('is not named when its promises only take many turns', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, sleep, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      for (let turn = 0; turn < 1_000; turn++) await undefined;
      await Promise.all([sleep('one', '20ms'), step('confirm', trips.confirm({ tripId }), FREE)]);
      for (let turn = 0; turn < 1_000; turn++) await undefined;
    });
    await using t = await startProgram(folder.path, saga);
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    expect(t.lines.filter((line) => line.includes('saga_awaits_elsewhere'))).toEqual([]);
  });
});
