import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Platform, realPlatform } from '../../platform/index.ts';
import type { CallMeta } from '../../rpc/index.ts';
import { ANONYMOUS, serviceCaller } from '../../security/index.ts';
import { LoopLag, type Priority, priorityOf, Shedder } from './shedding.ts';

const ALL: readonly Priority[] = ['read', 'write', 'step', 'compensation', 'admin'];

function process() {
  const state = { now: 0, lagS: 0, asked: 0 };
  const real = realPlatform();
  const platform: Platform = {
    ...real,
    clock: { wallNow: () => state.now, monoNow: () => state.now },
    process: {
      residentMemoryBytes: () => 0,
      eventLoopLagSeconds: () => {
        state.asked++;
        return state.lagS;
      },
    },
  };
  const lag = new LoopLag(platform);
  return { state, lag, shedder: new Shedder(lag) };
}

const meta = (more: Partial<CallMeta> = {}): CallMeta => ({
  caller: ANONYMOUS,
  trace: { correlationId: 'c', traceparent: 't' },
  timeoutMs: 1_000,
  depth: 1,
  ...more,
});

test('undos rank before steps, steps before users’ commands, and those before their queries', () => {
  const step = { key: 's', epoch: 1, undo: false };
  expect(priorityOf('query', meta())).toBe('read');
  expect(priorityOf('command', meta())).toBe('write');
  expect(priorityOf('command', meta({ step }))).toBe('step');
  expect(priorityOf('command', meta({ durable: true, caller: serviceCaller('orders', { initiator: 'usr_1' }) }))).toBe('step');
  expect(priorityOf('command', meta({ step: { ...step, undo: true } }))).toBe('compensation');
  expect(priorityOf('query', meta({ caller: serviceCaller('web') }))).toBe('admin');
  expect(priorityOf('query', meta({ caller: serviceCaller('orders', { initiator: 'usr_1' }) }))).toBe('read');
});

describe('a service whose event loop is late', () => {
  const enteredAt = (lagMs: number, calls: number) => {
    const { state, shedder } = process();
    state.lagS = 0;
    for (let i = 0; i < calls; i++) shedder.enter('admin', state.now);
    state.lagS = lagMs / 1_000;
    for (let second = 1; second <= 2; second++) {
      state.now = second * 1_000;
      shedder.enter('admin', state.now);
      shedder.leave(undefined, state.now);
    }
    return ALL.filter((priority) => shedder.enter(priority, state.now) === undefined);
  };

  test('refuses reads at 200 ms, writes at 400, steps at 800, compensations at 1600, and admin never', () => {
    expect(enteredAt(200, 16)).toEqual(ALL);
    expect(enteredAt(210, 16)).toEqual(ALL.slice(1));
    expect(enteredAt(410, 16)).toEqual(ALL.slice(2));
    expect(enteredAt(810, 16)).toEqual(ALL.slice(3));
    expect(enteredAt(1_610, 16)).toEqual(ALL.slice(4));
  });

  test('refuses nothing while few calls are under way, nor for a single pause', () => {
    expect(enteredAt(5_000, 2)).toEqual(ALL);
    const { state, shedder } = process();
    for (let i = 0; i < 20; i++) shedder.enter('admin', 0);
    [state.now, state.lagS] = [1_000, 3];
    expect(shedder.enter('read', state.now)).toBeUndefined();
    [state.now, state.lagS] = [2_000, 0];
    expect(shedder.enter('read', state.now)).toBeUndefined();
  });

  test('says when to retry, and that nothing was done', () => {
    const { state, shedder } = process();
    for (let i = 0; i < 20; i++) shedder.enter('admin', 0);
    state.lagS = 1;
    for (state.now = 1_000; state.now <= 2_000; state.now += 1_000) shedder.enter('admin', state.now);
    state.now = 2_000;
    expect(shedder.enter('read', state.now)).toMatchObject({ code: 'Overloaded', executed: 'no', retryAfterMs: 1_000, status: 503 });
  });

  test('shows the worst lag to the metrics, though it is read every second', () => {
    const { state, lag } = process();
    for (const lagS of [0, 0.3, 0.1]) {
      state.now += 1_000;
      state.lagS = lagS;
      lag.lagMs(state.now);
    }
    expect([lag.worstSeconds(), state.asked]).toEqual([0.3, 4]);
    state.lagS = 0;
    expect(lag.worstSeconds()).toBe(0);
  });
});

describe('the limit of calls under way', () => {
  test('falls when calls outlive their deadlines, keeps room for more important calls, and grows again', () => {
    const { state, shedder } = process();
    for (let i = 0; i < 100; i++) expect(shedder.enter('read', 0)).toBeUndefined();
    state.now = 1_000;
    shedder.leave(true, state.now);
    expect(shedder.limit).toBe(90);
    // One overload is one decrease, however many calls were late.
    for (let i = 0; i < 9; i++) shedder.leave(true, state.now);
    expect(shedder.limit).toBe(90);
    for (let i = 0; i < 10; i++) shedder.leave(undefined, state.now);
    // 80 under way: reads have 72 places, writes 81, and what undoes has all 90.
    expect(shedder.enter('read', state.now)).toMatchObject({ code: 'Overloaded' });
    expect(shedder.enter('write', state.now)).toBeUndefined();
    expect(shedder.enter('write', state.now)).toMatchObject({ code: 'Overloaded' });
    let compensations = 0;
    while (!shedder.enter('compensation', state.now)) compensations++;
    expect(compensations).toBe(9);
    expect(shedder.enter('admin', state.now)).toBeUndefined();
    for (let i = 0; i < 40; i++) shedder.leave(false, state.now);
    // As long as at least half of it is used.
    expect(shedder.limit).toBe(121);
  });

  test('stays within its bounds, and always admits admin', () => {
    const step = fc.record({ enter: fc.boolean(), priority: fc.constantFrom(...ALL), late: fc.boolean(), ms: fc.nat(200) });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
        const { state, shedder } = process();
        let calls = 0;
        for (const { enter, priority, late, ms } of steps) {
          state.now += ms;
          if (enter || calls === 0) {
            const refused = shedder.enter(priority, state.now);
            if (priority === 'admin' || calls < 25) expect(refused).toBeUndefined();
            if (!refused) calls++;
          } else {
            shedder.leave(late, state.now);
            calls--;
          }
          expect(shedder.limit).toBeGreaterThanOrEqual(32);
          expect(shedder.limit).toBeLessThanOrEqual(10_000);
        }
      }),
    );
  });
});
