import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Breaker, type BreakerSettings, type BreakerState } from './breaker.ts';
import { DEFAULT_BREAKER } from './policy.ts';

const T0 = 1_000_000;

function breakerOf(settings: Partial<BreakerSettings> = {}, random = 0.5, grows = false) {
  const changes: [BreakerState, BreakerState][] = [];
  const probes: number[] = [];
  const breaker = new Breaker(
    { ...DEFAULT_BREAKER, openForMs: 30_000, ...settings },
    { random: () => random, changed: (from, to) => changes.push([from, to]), probe: (inFlight) => probes.push(inFlight) },
    grows,
  );
  const call = (outcome: 'succeeded' | 'failed', atMono: number): boolean => {
    if (breaker.enter(atMono) > 0) return false;
    breaker[outcome](breaker.generation, atMono);
    return true;
  };
  const open = (atMono = T0) => {
    for (let i = 0; i < 5; i++) call('failed', atMono);
    expect(breaker.state).toBe('open');
  };
  return { breaker, changes, probes, call, open };
}

describe('a breaker', () => {
  test('opens on five failures in a row, and not on four with a success in between', () => {
    const { breaker, call, changes } = breakerOf();
    for (const outcome of ['failed', 'failed', 'failed', 'failed', 'succeeded', 'failed', 'failed', 'failed', 'failed'] as const)
      call(outcome, T0);
    expect(breaker.state).toBe('closed');
    call('failed', T0);
    expect(breaker.state).toBe('open');
    expect(changes).toEqual([['closed', 'open']]);
  });

  test('opens on half of at least twenty calls within ten seconds', () => {
    const { breaker, call } = breakerOf();
    for (let i = 0; i < 9; i++) {
      call('succeeded', T0);
      call('failed', T0);
    }
    call('succeeded', T0);
    expect(breaker.state).toBe('closed');
    call('failed', T0 + 5_000);
    expect(breaker.state).toBe('open');
  });

  test('forgets failures that are older than its window', () => {
    const { breaker, call } = breakerOf();
    for (let i = 0; i < 9; i++) {
      call('succeeded', T0);
      call('failed', T0);
    }
    call('succeeded', T0 + 10_001);
    call('failed', T0 + 10_001);
    expect(breaker.state).toBe('closed');
  });

  test('stays open for its time, jittered by a fifth, and says for how long', () => {
    for (const [random, openMs] of [
      [0, 24_000],
      [0.5, 30_000],
      [0.999_999, 36_000],
    ] as const) {
      const { breaker, open } = breakerOf({}, random);
      open();
      expect(breaker.enter(T0 + 1_000)).toBeCloseTo(openMs - 1_000, 0);
      expect(breaker.enter(T0 + openMs - 1)).toBeGreaterThan(0);
      expect(breaker.state).toBe('open');
      expect(breaker.enter(T0 + openMs)).toBe(0);
      expect(breaker.state).toBe('half-open');
    }
  });

  test('allows one probe at a time, and closes after two that succeed', () => {
    const { breaker, open, changes, probes } = breakerOf();
    open();
    const at = T0 + 30_000;
    expect(breaker.enter(at)).toBe(0);
    const first = breaker.generation;
    for (let i = 0; i < 100; i++) expect(breaker.enter(at)).toBeGreaterThan(0);
    breaker.succeeded(first, at + 10);
    expect(breaker.state).toBe('half-open');
    expect([breaker.enter(at + 10), breaker.enter(at + 10) > 0]).toEqual([0, true]);
    breaker.succeeded(breaker.generation, at + 20);
    expect(breaker.state).toBe('closed');
    expect(probes).toEqual([1, 1]);
    expect(changes.map(([, to]) => to)).toEqual(['open', 'half-open', 'closed']);
  });

  test('opens again when a probe fails, and gives the place of one that says nothing to another', () => {
    const { breaker, open } = breakerOf();
    open();
    breaker.enter(T0 + 30_000);
    breaker.ignored(breaker.generation);
    expect(breaker.state).toBe('half-open');
    expect(breaker.enter(T0 + 30_001)).toBe(0);
    breaker.failed(breaker.generation, T0 + 30_002);
    expect(breaker.state).toBe('open');
    expect(breaker.enter(T0 + 60_001)).toBeGreaterThan(0);
    expect(breaker.enter(T0 + 60_002)).toBe(0);
  });

  test('keeps the first probe for what undoes, from half of the time on', () => {
    const { breaker, open } = breakerOf();
    open();
    expect(breaker.enter(T0 + 14_999, true)).toBe(1);
    expect(breaker.enter(T0 + 15_000)).toBeGreaterThan(0);
    expect(breaker.enter(T0 + 15_000, true)).toBe(0);
    expect(breaker.enter(T0 + 15_000, true)).toBeGreaterThan(0);
  });

  test('takes calls in again in shares of 10, 25 and 50 percent over ten seconds, and one at a time always', () => {
    const { breaker, open } = breakerOf();
    open();
    const closed = T0 + 30_000;
    for (let i = 0; i < 2; i++) {
      breaker.enter(closed);
      breaker.succeeded(breaker.generation, closed);
    }
    // A thousand calls at once in each part, none of which has ended yet.
    const passed = (at: number) => {
      let count = 0;
      for (let i = 0; i < 1_000; i++) if (breaker.enter(at) === 0) count++;
      for (let i = 1; i < count; i++) breaker.ignored(breaker.generation);
      return count;
    };
    expect(breaker.state).toBe('closed');
    for (const [afterMs, share] of [
      [1_000, 0.1],
      [4_000, 0.25],
      [8_000, 0.5],
    ] as const)
      expect(Math.abs(passed(closed + afterMs) - share * 1_000)).toBeLessThan(5);
    expect(passed(closed + 10_000)).toBe(1_000);

    const alone = breakerOf();
    alone.open();
    for (let i = 0; i < 2; i++) alone.call('succeeded', closed);
    for (let i = 0; i < 50; i++) expect(alone.call('succeeded', closed + 1)).toBe(true);
  });

  test('an instance that fails again and again stays out longer each time, until it has been well for a while', () => {
    const { breaker, open, call } = breakerOf({}, 0.5, true);
    open(T0);
    let at = T0;
    for (const openMs of [30_000, 60_000, 90_000]) {
      expect(breaker.blockedMs(at)).toBe(openMs);
      at += openMs;
      expect(call('failed', at)).toBe(true);
    }
    at += 120_000;
    for (let i = 0; i < 2; i++) call('succeeded', at);
    at += 60_000;
    open(at);
    expect(breaker.blockedMs(at)).toBe(30_000);
  });

  test('does not open on requests that fail again and again, in a row or by the rate', () => {
    const { breaker, call } = breakerOf();
    for (let i = 0; i < 100; i++) {
      if (i % 10 === 0) call('succeeded', T0 + i);
      breaker.enter(T0 + i);
      breaker.failed(breaker.generation, T0 + i, i < 4 ? 'whole' : 'repeated');
    }
    expect(breaker.state).toBe('closed');
  });

  test('counts failures that are not in a row for the rate', () => {
    const { breaker } = breakerOf();
    for (let i = 0; i < 20; i++) {
      expect(breaker.state).toBe('closed');
      breaker.enter(T0);
      breaker.failed(breaker.generation, T0, 'rate');
    }
    expect(breaker.state).toBe('open');
  });

  test('takes another request for its probe soon after one that had failed before, and later each time', () => {
    const { breaker, open, call } = breakerOf();
    open();
    let at = T0 + 30_000;
    for (const waitMs of [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]) {
      expect(breaker.enter(at)).toBe(0);
      breaker.failed(breaker.generation, at, 'repeated');
      expect(breaker.blockedMs(at)).toBe(waitMs);
      at += waitMs;
    }
    for (let i = 0; i < 2; i++) expect(call('succeeded', at)).toBe(true);
    expect(breaker.state).toBe('closed');
  });

  test('does as its model, whatever happens in whatever order', () => {
    const step = fc.oneof(
      { weight: 5, arbitrary: fc.record({ do: fc.constant('enter' as const), reserved: fc.boolean() }) },
      {
        weight: 5,
        arbitrary: fc.record({
          do: fc.constantFrom('succeeded' as const, 'failed' as const, 'failed' as const, 'ignored' as const),
          which: fc.nat(),
        }),
      },
      { weight: 2, arbitrary: fc.record({ do: fc.constant('wait' as const), ms: fc.integer({ min: 1, max: 20_000 }) }) },
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 300 }), fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), (steps, random) => {
        const { breaker, probes } = breakerOf({ minimumCalls: 1_000_000 }, random);
        const openMs = 30_000 * (0.8 + 0.4 * random);
        let now = T0;
        // The model: nothing but what the rules say, with no shares.
        let model: BreakerState = 'closed';
        let row = 0;
        let probing = 0;
        let successes = 0;
        let openedAt = 0;
        let generation = 0;
        const underWay: { generation: number; own: number }[] = [];
        for (const given of steps) {
          if (given.do === 'wait') now += given.ms;
          else if (given.do === 'enter') {
            const waitMs = breaker.enter(now, given.reserved);
            if (model === 'open' && now - openedAt >= openMs * (given.reserved ? 0.5 : 1) - 1e-6) {
              model = 'half-open';
              [probing, successes] = [0, 0];
              generation++;
            }
            if (model === 'open') expect(waitMs).toBeGreaterThan(0);
            if (model === 'half-open') expect(waitMs > 0).toBe(probing > 0);
            if (waitMs > 0) continue;
            if (model === 'half-open') probing++;
            underWay.push({ generation: breaker.generation, own: generation });
          } else if (underWay.length > 0) {
            const [call] = underWay.splice(given.which % underWay.length, 1) as [{ generation: number; own: number }];
            if (given.do === 'ignored') breaker.ignored(call.generation);
            else breaker[given.do](call.generation, now);
            if (call.own !== generation) {
              expect(breaker.state).toBe(model);
              continue;
            }
            if (model === 'half-open') probing--;
            if (given.do === 'succeeded') {
              row = 0;
              if (model === 'half-open' && ++successes === 2) {
                model = 'closed';
                generation++;
              }
            } else if (given.do === 'failed' && (model === 'half-open' || ++row >= 5)) {
              model = 'open';
              row = 0;
              openedAt = now;
              generation++;
            }
          }
          expect(breaker.state).toBe(model);
        }
        expect(probes.every((inFlight) => inFlight === 1)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
