import { describe, expect, test } from 'vitest';
import { DeclaredError, RametError } from '../../errors/index.ts';
import { realPlatform } from '../../platform/index.ts';
import { act, callAs, ended, gate, hosted, program, show } from '../../runtime/fixtures/driving.fixture.ts';
import { eventually, startTravel, staysTrueFor, temporaryFolder } from '../../runtime/fixtures/start.fixture.ts';
import { newWorld, Trips } from '../../runtime/fixtures/travel.fixture.ts';

const flight = (timeout: `${number}ms` = '500ms', deadline: `${number}ms` = '1500ms') =>
  program(async ({ tripId }, { step, use: { flights } }) => {
    await step('buy flight', flights.buy({ tripId }), { undo: flights.refund({ tripId }), timeout, deadline });
    if (tripId.startsWith('undo')) throw new Error('undone');
  });

describe('the second transaction of an effect', () => {
  test('cannot refuse what has happened, not even with a declared failure', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = flight();
    let broken = true;
    world.hook = (name) => {
      if (broken && name === 'flights.record') throw new DeclaredError('NoSeat', 409, {});
    };
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await eventually(
      () => show(t, 'a'),
      (saga) => saga.state !== 'RUNNING',
    );
    broken = false;
    expect((await ended(t, 'a')).state).toBe('COMPENSATED');
    expect([...world.tickets.values()]).toEqual(['refunded']);
  });

  test('is retried alone when it fails: what has happened is not done again', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = flight('500ms', '9000ms');
    let failures = 3;
    world.hook = (name) => {
      if (name === 'flights.record' && failures-- > 0) throw new Error('a bug');
    };
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect((await ended(t, 'a')).state).toBe('COMPLETED');
    expect(world.calls.filter((call) => call === 'flights.perform')).toHaveLength(1);
  });
});

describe('an effect whose outcome is unknown', () => {
  test('counts as absent only after the quiet time since the end of its last attempt', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.quiet = '1500ms';
    world.saga = flight('300ms', '300ms');
    // The request leaves late in a long attempt, and the airline takes a while.
    world.hook = async (name, key) => {
      if (name !== 'flights.perform') return;
      await realPlatform().timers.sleep(1_700);
      setTimeout(() => world.tickets.set(key as string, 'issued'), 900);
      throw new Error('connection reset');
    };
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    expect((await ended(t, 'a')).state).toBe('COMPENSATED');
    await staysTrueFor(500, () => [...world.tickets.values()].join() === 'refunded');
  });

  test('is not performed without pauses when the other system answers with a conflict', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = flight();
    world.hook = (name) => {
      if (name === 'flights.perform') throw new RametError('ConcurrencyConflict');
    };
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'a' });
    await staysTrueFor(1_000, () => world.calls.filter((call) => call === 'flights.perform').length < 10);
  });
});

describe('an undo that acts on an external system', () => {
  test('is tried again after it was refused', async () => {
    using folder = temporaryFolder();
    const world = newWorld();
    world.saga = flight();
    world.hook = (name) => {
      if (name === 'flights.refund') throw new DeclaredError('NotYet', 409, {});
    };
    await using t = await startTravel(folder.path, { world });
    await t.runtime.client(Trips).plan({ tripId: 'undo-a' });
    const saga = await ended(t, 'undo-a');
    expect(saga.state).toBe('COMPENSATION_FAILED');
    expect(world.calls.filter((call) => call === 'flights.refund')).toHaveLength(3);
    world.hook = () => {};
    await act(t, saga.sagaId, { kind: 'retry' });
    expect((await ended(t, 'undo-a')).state).toBe('COMPENSATED');
    expect([...world.tickets.values()]).toEqual(['refunded']);
  });
});

describe('the key of a request for an effect', () => {
  test('belongs to its principal, whatever characters the two contain', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path);
    const as = (subject: string, key: string, tripId: string) =>
      callAs(t, 'flights', 'buy', { tripId }, { caller: { kind: 'user', subject, scopes: [] }, key, timeoutMs: 5_000 });
    expect(await as('a:b', 'c', 'theirs')).toEqual({ ok: true, value: { ticket: 'T-theirs' } });
    expect(await as('a', 'b:c', 'mine')).toEqual({ ok: true, value: { ticket: 'T-mine' } });
    expect(await as('a', 'b:c', 'mine')).toEqual({ ok: true, value: { ticket: 'T-mine' } });
    expect(t.world.tickets.size).toBe(2);
  });

  test('can be used again when it is forgotten: another request gets its own answer', async () => {
    using folder = temporaryFolder();
    await using t = await startTravel(folder.path);
    const buy = (tripId: string) => callAs(t, 'flights', 'buy', { tripId }, { key: 'k', timeoutMs: 5_000 });
    expect(await buy('a')).toEqual({ ok: true, value: { ticket: 'T-a' } });
    await hosted(t, 'flights').store.write((tx) => tx.run('delete from ramet_requests'));
    expect(await buy('b')).toEqual({ ok: true, value: { ticket: 'T-b' } });
  });
});

test('a caller of an effect under way is answered within its own timeout', async () => {
  using folder = temporaryFolder();
  const world = newWorld();
  const held = gate();
  world.hook = (name) => (name === 'flights.perform' ? held.opened : undefined);
  await using t = await startTravel(folder.path, { world });
  const ask = () =>
    callAs(t, 'flights', 'buy', { tripId: 'a' }, { step: { key: 'saga_x:buy', epoch: 1, undo: false }, timeoutMs: 100 }).then(
      (reply) => reply,
    );
  const askedAt = Date.now();
  const answers = await Promise.all([ask(), ask(), ask()]);
  expect(Date.now() - askedAt).toBeLessThan(3_000);
  expect(answers).toMatchObject([{ code: 'StepPending' }, { code: 'StepPending' }, { code: 'StepPending' }]);
  held.open();
  await eventually(async () => (await ask()).ok);
  expect(world.calls.filter((call) => call === 'flights.perform')).toHaveLength(1);
});

test('effects of an operation that no longer exists do not block the others, and are logged', async () => {
  using folder = temporaryFolder();
  const world = newWorld();
  {
    await using t = await startTravel(folder.path, { world });
    await hosted(t, 'flights').store.write(async (tx) => {
      for (let i = 0; i <= 100; i++)
        await tx.run(
          `insert into ramet_fences (step_key, state, operation, saga_epoch, updated_at, input, context, request, attempt, last_attempt_at, next_at)
           values (?, 'STARTED', ?, 1, 0, '{}', ?, ?, 1, 0, ?)`,
          `key ${i}`,
          i === 100 ? 'buy' : 'gone',
          JSON.stringify({ caller: { kind: 'service', subject: 's', scopes: [] }, trace: { correlationId: 'c', traceparent: 'x' } }),
          JSON.stringify({ tripId: 'a' }),
          i,
        );
    });
  }
  await using t = await startTravel(folder.path, { world });
  await eventually(() => world.tickets.has('key 100'), Boolean, 5_000);
  expect(t.lines.join('')).toContain("the operation 'gone', which this deployment does not have");
});
