import { describe, expect, test } from 'vitest';
import { noticeUnawaited } from '../../errors/index.ts';
import { effectsOf, ended, fault, gate, hosted, intercept, program, show } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, type Travelling, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips, type World } from '../../runtime/fixtures/travel.fixture.ts';

const FREE = { undo: 'nothing' } as const;
const { TripPlanned } = Trips.events;
const waiting = (t: Travelling, tripId: string, name: string) =>
  eventually(
    () => show(t, tripId),
    ({ steps }) => steps.some((step) => step.name === name && step.state === 'WAITING'),
  );
const cancel = async (t: Travelling, tripId: string) => (await t.runtime.client(Trips).cancel({ tripId })).answer;

describe('a saga with two pivots', () => {
  test.each(['first', 'second'] as const)('cannot be cancelled when the %s one was accepted and the other refused', async (accepted) => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, pivot, sleep, use: { trips, hotels, flights } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await pivot('by hotel', hotels.book({ tripId })).catch(() => {});
      await pivot('by flight', flights.buy({ tripId })).catch(() => {});
      await sleep('one', '100ms');
      await sleep('two', '700ms');
      await step('confirm', trips.confirm({ tripId }), FREE);
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    const refused = accepted === 'first' ? 'flights' : 'hotels';
    intercept(t, refused, async () => ({
      ok: false,
      kind: 'declared',
      error: refused === 'hotels' ? 'Full' : 'NoSeat',
      status: 409,
      data: {},
    }));
    const effects = effectsOf(t, ['trips', 'hotels', 'flights']);
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await waiting(t, 'a', 'two');
    expect(await cancel(t, 'a')).toBe('refused');
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    expect(effects).toEqual(['accept', accepted === 'first' ? 'book' : 'buy', 'confirm']);
  });

  test('can be cancelled when both were refused', async () => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, pivot, sleep, use: { trips, hotels, flights } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await pivot('by hotel', hotels.book({ tripId })).catch(() => {});
      await pivot('by flight', flights.buy({ tripId })).catch(() => {});
      await sleep('one', '100ms');
      await sleep('two', '1h');
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
    for (const [service, error] of [
      ['hotels', 'Full'],
      ['flights', 'NoSeat'],
    ] as const)
      intercept(t, service, async () => ({ ok: false, kind: 'declared', error, status: 409, data: {} }));
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await waiting(t, 'a', 'two');
    expect(await cancel(t, 'a')).toBe('accepted');
    expect((await ended(t, 'a')).state).toBe('COMPENSATED');
  });
});

test('a program that changes what it was given is given the same again when it runs again', async () => {
  using folder = temporaryFolder();
  const seen: Readonly<Record<string, unknown>>[] = [];
  const saga = program(
    async (trip, { step, waitFor, sleep, use: { trips, hotels, flights } }) => {
      const { tripId } = trip;
      trip.tripId += '!';
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      const room = (await step('book hotel', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) })) as { room: number };
      room.room += 1;
      const failure = (await step('buy flight', flights.buy({ tripId }), FREE).catch(({ data }) => data)) as { more?: string };
      failure.more = `${failure.more ?? ''}x`;
      const event = (await waitFor('planned', TripPlanned, { key: tripId, timeout: '1h' })) as { tripId: string };
      event.tripId += '?';
      seen.push({ trip: trip.tripId, room: room.room, more: failure.more, event: event.tripId });
      for (const night of ['one', 'two']) await sleep(night, '50ms');
    },
    [TripPlanned],
  );
  const world: World = { ...newWorld(), saga, onPlan: ({ emit }) => emit.TripPlanned({ tripId: 'a' }) };
  await using t = await startTravel(folder.path, { world });
  intercept(t, 'flights', async () => ({ ok: false, kind: 'declared', error: 'NoSeat', status: 409, data: {} }));
  await t.runtime.client(Trips).plan({ tripId: 'a' });
  expect((await ended(t, 'a')).state).toBe('COMPLETED');
  expect(seen.length).toBeGreaterThan(2);
  expect(new Set(seen.map((given) => JSON.stringify(given)))).toEqual(new Set([JSON.stringify(seen[0])]));
  const rooms = await hosted(t, 'trips').store.reader.get<{ result: string }>(
    "select result from ramet_saga_steps where name = 'book hotel'",
  );
  expect(JSON.parse(rooms?.result ?? '')).toEqual({ room: (seen[0]?.['room'] as number) - 1 });
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

  test('ends no process, and fails where it is awaited', async () => {
    using folder = temporaryFolder();
    const survived: boolean[] = [];
    const hear = (error: unknown) => survived.push(noticeUnawaited(error));
    process.on('unhandledRejection', hear);
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga: failing } });
    for (const [service, error] of [
      ['hotels', 'Full'],
      ['flights', 'NoSeat'],
    ] as const)
      intercept(t, service, async () => ({ ok: false, kind: 'declared', error, status: 409, data: {} }));
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    process.off('unhandledRejection', hear);
    expect(left).toEqual(['rejected,rejected,rejected']);
    expect(survived.length).toBeGreaterThanOrEqual(3);
    expect(survived).not.toContain(false);
  });
});

test('a program that awaits something of its own for ever can be cancelled', async () => {
  using folder = temporaryFolder();
  const never = gate();
  const saga = program(async ({ tripId }, { step, use: { trips } }) => {
    await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
    await never.opened;
    await step('confirm', trips.confirm({ tripId }), FREE);
  });
  await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
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
  'a step that is cancelled between two attempts, and whose undo is %s, is left with an outcome',
  async (undo) => {
    using folder = temporaryFolder();
    const saga = program(async ({ tripId }, { step, use: { trips, hotels } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await step('book hotel', hotels.book({ tripId }), undo === 'nothing' ? FREE : { undo: hotels.cancel({ tripId }) });
    });
    await using t = await startTravel(folder.path, { world: { ...newWorld(), saga } });
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
