import { describe, expect, test } from 'vitest';
import type { Duration } from '../../platform/index.ts';
import { effectsOf, ended, FREE, program, startProgram, stepIs } from '../../runtime/fixtures/driving.fixture.ts';
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

describe('a step that is written wrongly', () => {
  type Step = Parameters<Parameters<typeof program>[0]>[1] & Record<'step' | 'pivot' | 'ask', any>;
  const undos = "write undo: with a command of 'hotels' that undoes hotels.book, or undo: 'nothing'";
  const mistakes: Record<string, [(saga: Step, book: any, trip: { tripId: string }) => unknown, string]> = {
    'no options': [({ step }, book) => step('one', book), `step 'one': the options are missing; ${undos}`],
    'no undo': [({ step }, book) => step('one', book, {}), `step 'one': the undo is missing; ${undos}`],
    'another word': [({ step }, book) => step('one', book, { undo: 'none' }), `step 'one': the undo is 'none'; ${undos}`],
    'no command': [
      ({ step, use }, book) => step('one', book, { undo: use.hotels.booked({}) }),
      `step 'one': the undo hotels.booked is a query; ${undos}`,
    ],
    'foreign undo': [
      ({ step, use }, book, trip) => step('one', book, { undo: use.flights.refund(trip) }),
      `step 'one': the undo flights.refund is of another service; ${undos}`,
    ],
    'undo with output': [
      ({ step, use }, book, trip) => step('one', book, { undo: use.hotels.book(trip) }),
      `step 'one': the undo hotels.book has an output, and an undo must have none; ${undos}`,
    ],
    'misspelled option': [
      ({ step }, book) => step('one', book, { ...FREE, deadlin: '1m' }),
      `step 'one': 'deadlin' is not a known name: write 'deadline'`,
    ],
    'unknown option': [
      ({ step }, book) => step('one', book, { ...FREE, retries: 3 }),
      `step 'one': 'retries' is not a known name: the names here are 'undo', 'timeout', 'deadline'`,
    ],
    'no duration': [({ step }, book) => step('one', book, { ...FREE, timeout: 'soon' }), `step 'one': the timeout is wrong: `],
    'no call': [
      ({ step }) => step('one'),
      `step 'one': write a call behind the name, such as step('one', use.orders.place({ … }), { undo: … })`,
    ],
    'no name': [({ step }, book) => step(undefined, book, FREE), `saga 'plan-trip' has a step without a name; write a text first`],
    'empty name': [({ step }, book) => step('', book, FREE), `step '': write a name that is not empty`],
    'step of a query': [
      ({ step, use }) => step('one', use.hotels.booked({}), FREE),
      `step 'one': hotels.booked is a query, not a command; write ask(`,
    ],
    'pivot of a query': [
      ({ pivot, use }) => pivot('one', use.hotels.booked({})),
      `pivot 'one': hotels.booked is a query, not a command; write ask(`,
    ],
    'pivot with options': [
      ({ pivot }, book) => pivot('one', book, FREE),
      `pivot 'one': a pivot takes no options; remove what stands behind the call`,
    ],
    'ask of a command': [
      ({ ask }, book) => ask('one', book),
      `ask 'one': hotels.book is a command, not a query; write step('…', …, { undo: … }), or pivot(`,
    ],
    'ask with options': [({ ask, use }) => ask('one', use.hotels.booked({}), FREE), `ask 'one': an ask takes no options`],
  };

  test('is refused before its intent is stored, with its name, what is wrong, and what to write', async () => {
    using folder = temporaryFolder();
    const saga = program(async (trip, context) => {
      await context.step('accept', context.use.trips.accept(trip), { undo: context.use.trips.drop(trip) });
      const [write] = mistakes[trip.tripId] as (typeof mistakes)[string];
      await write(context as Step, context.use.hotels.book(trip), trip);
    });
    await using t = await startProgram(folder.path, saga);
    const effects = effectsOf(t, ['hotels', 'flights']);
    for (const [tripId, [, why]] of Object.entries(mistakes)) {
      await t.runtime.client(Trips).plan({ tripId });
      const { state, failureReason, steps } = await ended(t, tripId);
      expect({ tripId, state, failureReason }).toEqual({
        tripId,
        state: 'COMPENSATED',
        failureReason: expect.stringContaining(`WrongStep: ${why}`),
      });
      expect(steps.map(({ name }) => name)).toEqual(['accept']);
    }
    expect(effects).toEqual([]);
  }, 60_000);

  test('continues when the journal of its saga has accepted it already', async () => {
    using folder = temporaryFolder();
    const booking = (options: any, patience: Duration) =>
      program(async (trip, { step, sleep, use: { hotels } }) => {
        await step('book', hotels.book(trip), options);
        await sleep('patience', patience);
      });
    {
      await using t = await startProgram(folder.path, booking(FREE, '1s'));
      await t.runtime.client(Trips).plan({ tripId: 'a' });
      await stepIs(t, 'a', 'patience', 'WAITING');
    }
    await using t = await startProgram(folder.path, booking({ undoes: 'nothing' }, '1s'));
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPLETED' });
    await t.runtime.client(Trips).plan({ tripId: 'b' });
    expect((await ended(t, 'b')).failureReason).toContain("WrongStep: step 'book': 'undoes' is not a known name: write 'undo'");
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
