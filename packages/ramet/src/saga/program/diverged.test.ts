import { describe, expect, test } from 'vitest';
import {
  act,
  asleep,
  effectsOf,
  ended,
  FREE,
  hosted,
  program,
  show,
  startProgram,
  stepsOf,
} from '../../runtime/fixtures/driving.fixture.ts';
import { startTravel, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

describe('a journal with rows that the program does not request', () => {
  const usual = program(async ({ tripId }, { step, sleep, use: { trips, hotels } }) => {
    await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
    await step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
    await sleep('night', '300ms');
    await step('confirm', trips.confirm({ tripId }), FREE);
  });
  /** Leaves a saga of the usual program in its sleep, in a process that has stopped. */
  const sleeping = async (folder: string) => {
    await using t = await startTravel(folder, { world: { ...newWorld(), saga: usual } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await asleep(t);
  };
  type Other = Parameters<typeof program>[0];
  const others: Readonly<Record<string, { readonly run: Other; readonly missing: string }>> = {
    'a step that was renamed': {
      missing: "step 'book hotel', which its program does not request; it requests 'book a hotel' instead",
      run: async ({ tripId }, { step, sleep, use: { trips, hotels } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        await step('book a hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
        await sleep('night', '300ms');
      },
    },
    'a step that was removed': {
      missing: "step 'book hotel', which its program does not request",
      run: async ({ tripId }, { step, sleep, use: { trips } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        await sleep('night', '300ms');
        await step('confirm', trips.confirm({ tripId }), FREE);
      },
    },
    'a sleep that was renamed': {
      missing: "sleep 'night', which its program does not request; it requests 'day' instead",
      run: async ({ tripId }, { step, sleep, use: { trips, hotels } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        await step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
        await sleep('day', '10ms');
        await step('confirm', trips.confirm({ tripId }), FREE);
      },
    },
    'a program that returns before': {
      missing: "sleep 'night', which its program does not request",
      run: async ({ tripId }, { step, use: { trips, hotels } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        await step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
      },
    },
    'a program that throws before': {
      missing: "step 'book hotel', which its program does not request; it throws Error: new rule before",
      run: async ({ tripId }, { step, use: { trips } }) => {
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
        throw new Error('new rule');
      },
    },
  };

  test.each(Object.keys(others))('%s: the saga has diverged and has no effect; with the right program it ends', async (name) => {
    using folder = temporaryFolder();
    await sleeping(folder.path);
    const { run, missing } = others[name] as (typeof others)[string];
    {
      await using t = await startProgram(folder.path, program(run));
      const effects = effectsOf(t, ['trips', 'hotels']);
      expect(await ended(t, 'a')).toMatchObject({ state: 'DIVERGED', attention: `its journal has ${missing}` });
      expect(effects).toEqual([]);
      expect(await stepsOf(t, 'a')).toEqual(['accept: OK', 'book hotel: OK', 'night: WAITING']);
    }
    await using t = await startProgram(folder.path, usual);
    await act(t, (await show(t, 'a')).sagaId, { kind: 'retry' });
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
  });

  test.each(['a command', 'an operator'])('%s can cancel it before its pivot', async (who) => {
    using folder = temporaryFolder();
    await sleeping(folder.path);
    const { run } = others['a step that was renamed'] as (typeof others)[string];
    await using t = await startProgram(folder.path, program(run));
    const { sagaId } = await ended(t, 'a');
    if (who === 'an operator') await act(t, sagaId, { kind: 'cancel', reason: 'changed my mind' });
    else expect(await t.runtime.client(Trips).cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    expect(await ended(t, 'a')).toMatchObject({
      state: 'COMPENSATED',
      failureReason: 'changed my mind',
      compensatedSteps: ['accept', 'book hotel'],
    });
    expect((await show(t, 'a')).attention).toBeUndefined();
    expect(await t.runtime.client(Trips).cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
  });

  test('a cancellation that was accepted before the saga diverged counts', async () => {
    using folder = temporaryFolder();
    {
      await using t = await startProgram(folder.path, usual);
      await t.runtime.client(Trips).plan({ tripId: 'a' });
      await asleep(t);
      await hosted(t, 'trips').store.write((tx) => tx.run("update ramet_sagas set cancel_reason = 'changed my mind'"));
    }
    const { run } = others['a step that was renamed'] as (typeof others)[string];
    await using t = await startProgram(folder.path, program(run));
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPENSATED', failureReason: 'changed my mind' });
  });

  test('a diverged saga after its pivot is not cancelled', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { pivot, use: { trips } }) => {
      await pivot('confirm', trips.confirm({ tripId }));
      throw new Error('behind the pivot');
    });
    await using t = await startProgram(folder.path, saga);
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    const { state, sagaId } = await ended(t, 'a');
    expect(state).toBe('DIVERGED');
    expect(await t.runtime.client(Trips).cancel({ tripId: 'a' })).toEqual({ answer: 'refused' });
    await expect(act(t, sagaId, { kind: 'cancel', reason: 'x' })).rejects.toMatchObject({ code: 'ActionRefused' });
  });
});
