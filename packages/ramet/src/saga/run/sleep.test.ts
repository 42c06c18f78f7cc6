import { describe, expect, test } from 'vitest';
import { act, ended, gate, hosted, program, show } from '../../runtime/fixtures/driving.fixture.ts';
import { killedAsleep, PROGRAMS } from '../../runtime/fixtures/kill.fixture.ts';
import { eventually, startTravel, staysTrueFor, type Travelling, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

const sagaRow = (t: Travelling) =>
  hosted(t, 'trips').store.reader.get<{ owner: string | null; epoch: number; wait: number }>(
    'select owner, epoch, lease_until - ramet_now() as wait from ramet_sagas',
  );
const asleep = (t: Travelling) =>
  eventually(
    () => sagaRow(t),
    (row) => row?.owner === null,
  );
/** A trip that is accepted, thought over for `duration`, and confirmed. */
const sleeper = (duration: '1200ms' | '2s' | '10m') =>
  program(async ({ tripId }, { step, pivot, sleep, use: { trips } }) => {
    await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
    await sleep('think it over', duration);
    await pivot('confirm', trips.confirm({ tripId }));
  });

describe('a saga that sleeps', () => {
  test('continues when its time is over and not before, and has no owner meanwhile', async () => {
    using folder = temporaryFolder();
    // One that sleeps longer does not make the others late.
    const saga = program(async (trip, context) => sleeper(trip.tripId === 'long' ? '10m' : '1200ms').run(trip, context as never));
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    await t.runtime.client(Trips).plan({ tripId: 'long' });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    const row = await asleep(t);
    expect(Number(row?.wait)).toBeGreaterThan(0);
    await eventually(() => hosted(t, 'trips').engine?.running === 0);
    const after = await ended(t, 'a');
    expect(after).toMatchObject({ state: 'COMPLETED', completedSteps: ['accept', 'think it over', 'confirm'], epoch: 2 });
    const [slept, woke] = after.log.filter((entry) => entry.step === 'think it over').map((entry) => Date.parse(entry.at));
    expect((woke as number) - (slept as number)).toBeGreaterThanOrEqual(1_200);
    // The wake-up time is known: the engine does not look once a second until then.
    expect((woke as number) - (slept as number)).toBeLessThan(1_750);
  });

  test('shows its wake-up time', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: sleeper('10m') } });
    const before = Date.now();
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await asleep(t);
    const saga = await show(t, 'a');
    const step = saga.steps.find(({ name }) => name === 'think it over');
    expect(step).toMatchObject({ kind: 'sleep', state: 'WAITING', call: 'sleep' });
    expect(Math.abs(Date.parse(step?.until ?? '') - before - 600_000)).toBeLessThan(5_000);
    expect(saga.waiting).toEqual([{ step: 'think it over', until: step?.until }]);
    expect(saga.status).toBe('running');
  });

  test('stays asleep over a restart, which does not claim it', async () => {
    using folder = temporaryFolder();
    const world = { ...newWorld(), saga: sleeper('2s') };
    const startedAt = Date.now();
    {
      await using t = await startTravel(folder.path, { world });
      await t.runtime.client(Trips).plan({ tripId: 'a' });
      await asleep(t);
    }
    await using t = await startTravel(folder.path, { world });
    await staysTrueFor(300, async () => {
      const row = await sagaRow(t);
      return row?.owner === null && Number(row.epoch) === 1;
    });
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPLETED', epoch: 2 });
    expect(Date.now() - startedAt).toBeGreaterThanOrEqual(2_000);
  });

  test('continues after the process was killed, even if its time was over in the meantime', async () => {
    using folder = temporaryFolder();
    await killedAsleep(folder.path, 'sleeps', 'a');
    const killedAt = Date.now();
    await eventually(() => Date.now() > killedAt + 1_600);
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: PROGRAMS.sleeps } });
    const saga = await ended(t, 'a');
    expect(saga).toMatchObject({ state: 'COMPLETED', epoch: 2 });
    expect(saga.log.filter((entry) => entry.step === 'accept' && entry.became === 'STARTED')).toHaveLength(1);
  });

  test('is woken by a cancellation and undone at once', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: sleeper('10m') } });
    const trips = t.runtime.client(Trips);
    await trips.plan({ tripId: 'a' });
    await asleep(t);
    expect(await trips.cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    const saga = await ended(t, 'a', 3_000);
    expect(saga).toMatchObject({ state: 'COMPENSATED', failureReason: 'changed my mind', compensatedSteps: ['accept'] });
    expect(saga.steps.find(({ name }) => name === 'think it over')?.state).toBe('CANCELLED');
    expect(saga.waiting).toBeUndefined();
  });

  test('is woken when an operator cancels it', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: sleeper('10m') } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await asleep(t);
    await act(t, (await show(t, 'a')).sagaId, { kind: 'cancel', reason: 'the office closes' });
    expect(await ended(t, 'a', 3_000)).toMatchObject({ state: 'COMPENSATED', failureReason: 'the office closes' });
  });

  test('is cancelled before its first step, too, because waiting would only add a step to undo', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, sleep, use: { trips } }) => {
      await sleep('think it over', '10m');
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await asleep(t);
    expect(await t.runtime.client(Trips).cancel({ tripId: 'a' })).toEqual({ answer: 'accepted' });
    expect(await ended(t, 'a', 3_000)).toMatchObject({ state: 'COMPENSATED', compensatedSteps: [] });
  });

  test('refuses a cancellation after its pivot and continues to its end', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { pivot, step, sleep, use: { trips } }) => {
      await pivot('confirm', trips.confirm({ tripId }));
      await sleep('until the journey', '500ms');
      await step('accept', trips.accept({ tripId }), { undo: 'nothing' });
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await asleep(t);
    expect(await t.runtime.client(Trips).cancel({ tripId: 'a' })).toEqual({ answer: 'refused' });
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPLETED', completedSteps: ['confirm', 'until the journey', 'accept'] });
  });

  test('does not delay a step beside it, and is not released before that step has ended', async () => {
    using folder = temporaryFolder();
    const booked = gate();
    const saga = program(async ({ tripId }, { step, sleep, parallel, use: { trips, hotels } }) => {
      const slept = async () => {
        await sleep('a moment', '200ms');
        await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      };
      await parallel({ slept: slept(), hotel: step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) }) });
    });
    const world = { ...newWorld(), saga };
    world.hook = (name) => (name === 'hotels.book' ? booked.opened : undefined);
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(
      () => t.runtime.client(Trips).state({ tripId: 'a' }),
      ({ state }) => state === 'accepted',
    );
    expect((await sagaRow(t))?.owner).not.toBeNull();
    booked.open();
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPLETED', epoch: 1 });
  });
});

describe('a sleep and a program that has changed', () => {
  const sleeping = async (folder: string) => {
    await using t = await startTravel(folder, { world: { ...newWorld(), saga: sleeper('2s') } });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await asleep(t);
  };

  test('diverges if the name returns as a step', async () => {
    using folder = temporaryFolder();
    await sleeping(folder.path);
    const saga = program(async ({ tripId }, { step, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await step('think it over', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    expect(await ended(t, 'a')).toMatchObject({
      state: 'DIVERGED',
      attention: "step 'think it over' was 'sleep' and is 'step hotels.book' now",
    });
  });

  test('does not diverge for another duration: it ends at its original time', async () => {
    using folder = temporaryFolder();
    await sleeping(folder.path);
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: sleeper('10m') } });
    expect((await ended(t, 'a', 5_000)).state).toBe('COMPLETED');
  });
});
