import { describe, expect, test } from 'vitest';
import { DeclaredError } from '../../errors/index.ts';
import { ended, fault, gate, hosted, intercept, program, show } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { Hotels, newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const FREE = { undo: 'nothing' } as const;

describe('branches of a program', () => {
  test('a branch that goes on after its program failed takes no further step, so nothing escapes the compensation', async () => {
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
    await pause(300);
    undoing.open();
    expect((await ended(t, 'a')).state).toBe('COMPENSATED');
    await pause(300);
    expect([...world.tickets.values()]).not.toContain('issued');
    expect(world.calls).not.toContain('flights.perform');
  });

  test('a saga is not over while steps are under way that its program did not wait for', async () => {
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
    await pause(200);
    expect((await show(t, 'a')).state).toBe('RUNNING');
    booked.open();
    const saga = await ended(t, 'a');
    expect(saga).toMatchObject({ state: 'COMPLETED', completedSteps: ['accept', 'book hotel'] });
  });

  test('a refused step that nobody waits for does not end the process', async () => {
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
    await pause(50);
    process.off('unhandledRejection', note);
    expect(unhandled).toEqual([]);
  });

  test('a step beside the pivot whose outcome stays unknown never leads to a compensation', async () => {
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
    await pause(1_000);
    expect((await t.runtime.client(Trips).state({ tripId: 'a' })).state).toBe('confirmed');
    expect(world.calls).not.toContain('hotels.cancel');
    lost.open();
    world.hook = () => {};
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
  });
});

describe('a program that does what it must not', () => {
  test('one that waits for something else for ever does not keep the process from stopping', async () => {
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
    const stopped = await Promise.race([t.runtime.stop().then(() => true), pause(5_000).then(() => false)]);
    expect(stopped).toBe(true);
  });

  test('one whose result cannot be kept, or that throws what is no error, ends all the same', async () => {
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

  test('a step whose name is that of another ones undo is refused', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { hotels } }) => {
      await step('book:undo', hotels.book({ tripId }), { undo: hotels.cancel({ tripId }) });
    });
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect(await ended(t, 'a')).toMatchObject({ state: 'COMPENSATED', failureReason: expect.stringContaining('DuplicateStep') });
  });

  test('a saga of a hundred and fifty steps completes, and is undone', async () => {
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

  test('a refusal at the door says nothing of an earlier attempt whose reply was lost: the step is undone', async () => {
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

  test('a refusal by what prepares a command holds for its attempts that are still on their way', async () => {
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
    await pause(300);
    expect(await t.runtime.client(Hotels).booked({})).toEqual({ trips: [], cancelled: [] });
  });
});

describe('a store that is away for one write', () => {
  test('loses no value: what was not written is not built upon', async () => {
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

describe('many sagas', () => {
  test('two thousand that are open at boot are all brought to an end', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await step('confirm', trips.confirm({ tripId }), FREE);
    });
    {
      await using t = await startTravel(folder.path, { world });
      await hosted(t, 'trips').store.write(async (tx) => {
        for (let i = 0; i < 2_000; i++)
          await tx.run(
            `insert into ramet_sagas (id, type, program_version, business_key, state, version, epoch, owner, lease_until, input, initiator, trace, created_at, updated_at)
             values (?, 'plan-trip', 1, ?, 'RUNNING', 1, 1, 'gone', ramet_now() + 60000, ?, '', ?, ramet_now(), ramet_now())`,
            `saga_${i}`,
            `t${i}`,
            JSON.stringify({ tripId: `t${i}` }),
            JSON.stringify({ correlationId: 'c', traceparent: 'x' }),
          );
      });
    }
    await using t = await startTravel(folder.path, { world });
    const states = () =>
      hosted(t, 'trips').store.reader.all<{ state: string; n: number }>('select state, count(*) as n from ramet_sagas group by state');
    const end = await eventually(states, (rows) => rows.length === 1 && rows[0]?.state === 'COMPLETED', 50_000);
    expect(Number(end[0]?.n)).toBe(2_000);
    await eventually(() => hosted(t, 'trips').engine?.running === 0);
  });

  test('three hundred that cannot go on do not keep others from it', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = program(async ({ tripId }, { step, pivot, use: { trips } }) => {
      await step('accept', trips.accept({ tripId }), { undo: trips.drop({ tripId }) });
      await pivot('confirm', trips.confirm({ tripId }));
    });
    await using t = await startTravel(folder.path, { world });
    const real = hosted(t, 'trips').dispatcher as unknown as { call: (operation: string, input: { tripId: string }) => Promise<unknown> };
    const call = real.call.bind(real);
    let away = true;
    // Not 'Unavailable', which would open the circuit of the operation for all of them.
    real.call = (operation, input, ...more) =>
      away && operation === 'confirm' && input.tripId.startsWith('stuck')
        ? Promise.resolve(fault('ShuttingDown', 'no'))
        : (call as Function)(operation, input, ...more);
    const trips = t.runtime.client(Trips);
    await Promise.all(
      Array.from({ length: 300 }, (_, i) =>
        trips.plan({ tripId: `stuck ${i}` }, { key: `${i}` }).catch(() => trips.plan({ tripId: `stuck ${i}` }, { key: `${i}` })),
      ),
    );
    await trips.plan({ tripId: 'a' });
    expect((await ended(t, 'a', 5_000)).state).toBe('COMPLETED');
    away = false;
    await eventually(() => hosted(t, 'trips').engine?.running === 0, Boolean, 40_000);
  });
});
