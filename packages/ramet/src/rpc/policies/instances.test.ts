import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { Breaker, type BreakerSettings } from './breaker.ts';
import { type Chosen, Instances } from './instances.ts';

const SETTINGS: BreakerSettings = {
  consecutive: 5,
  failureRate: 0.5,
  minimumCalls: Number.POSITIVE_INFINITY,
  windowMs: 10_000,
  openForMs: 30_000,
};
const keysOf = (count: number) => Array.from({ length: count }, (_, i) => `i${i}`);

let nowMono: number;
beforeEach(() => {
  nowMono = 1_000;
});

const instancesOf = (random: () => number, settings: BreakerSettings | false = SETTINGS) =>
  new Instances(settings, () => new Breaker(SETTINGS, { random: () => 0.5 }, true), random);

/** A number generator for draws that differ from run to run by their seed alone. */
const drawn = (seed: number) => {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
};

function end(instances: Instances, chosen: Chosen, ok: boolean): void {
  instances.left(chosen);
  if (ok) chosen.breaker?.succeeded(chosen.generation, nowMono);
  else chosen.breaker?.failed(chosen.generation, nowMono);
}

describe('the chosen instance', () => {
  test('is everybody alike where nothing is under way', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.integer(), (count, seed) => {
        const instances = instancesOf(drawn(seed));
        const calls = new Map<string, number>();
        for (let i = 0; i < 10 * count; i++) {
          const chosen = instances.choose(keysOf(count), nowMono);
          calls.set(chosen.instance, (calls.get(chosen.instance) ?? 0) + 1);
          end(instances, chosen, true);
        }
        expect([...calls.values()]).toEqual(Array(count).fill(10));
      }),
    );
  });

  test('is seldom the one that is slow', () => {
    const instances = instancesOf(drawn(7));
    const underWay: { chosen: Chosen; until: number }[] = [];
    const calls = new Map<string, number>();
    for (let step = 0; step < 10_000; step++) {
      for (const call of underWay.splice(0)) {
        if (call.until > step) underWay.push(call);
        else end(instances, call.chosen, true);
      }
      const chosen = instances.choose(keysOf(5), nowMono);
      calls.set(chosen.instance, (calls.get(chosen.instance) ?? 0) + 1);
      underWay.push({ chosen, until: step + (chosen.instance === 'i2' ? 200 : 5) });
    }
    // In turn it would get a fifth of the calls, of which forty at once would be with it.
    expect(calls.get('i2')).toBeLessThan(600);
    for (const key of ['i0', 'i1', 'i3', 'i4']) expect(calls.get(key)).toBeGreaterThan(1_800);
  });

  test('depends on the draws and on nothing else', () => {
    const sequence = () => {
      const instances = instancesOf(drawn(3));
      return Array.from({ length: 100 }, () => instances.choose(keysOf(4), nowMono).instance);
    };
    expect(sequence()).toEqual(sequence());
  });

  test('is the only one where there is no other, and no breaker of its own keeps it out', () => {
    const instances = instancesOf(drawn(1));
    for (let i = 0; i < 20; i++) {
      const chosen = instances.choose(['only'], nowMono);
      expect(chosen).toMatchObject({ instance: 'only', breaker: undefined });
      end(instances, chosen, false);
    }
  });

  test('is anybody where the breaker is switched off, however they answer', () => {
    const instances = instancesOf(drawn(1), false);
    const called = new Set<string>();
    for (let i = 0; i < 60; i++) {
      const chosen = instances.choose(keysOf(3), nowMono);
      called.add(chosen.instance);
      end(instances, chosen, false);
    }
    expect(called.size).toBe(3);
  });
});

describe('a bad one', () => {
  test('of any number of instances is ejected after five failures, and at most half of all are', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 12 }), fc.integer(), fc.integer({ min: 1, max: 12 }), (count, seed, bad) => {
        const instances = instancesOf(drawn(seed));
        const isBad = (key: string) => Number(key.slice(1)) < bad;
        const failures = new Map<string, number>();
        for (let i = 0; i < 100 * count; i++) {
          const chosen = instances.choose(keysOf(count), nowMono);
          if (isBad(chosen.instance)) failures.set(chosen.instance, (failures.get(chosen.instance) ?? 0) + 1);
          end(instances, chosen, !isBad(chosen.instance));
        }
        if (bad <= count / 2) expect([...failures.values()].every((n) => n === 5)).toBe(true);
        // The fault is elsewhere: all of them are asked.
        else expect([...failures.values()].reduce((a, b) => a + b, 0)).toBeGreaterThan(50 * count - 50);
      }),
      { numRuns: 50 },
    );
  });

  test('comes back by a probe, and then with a growing share', () => {
    const instances = instancesOf(drawn(5));
    let good = false;
    const callsTo = (rounds: number) => {
      let calls = 0;
      for (let i = 0; i < rounds; i++) {
        // Three at once: a single call is always allowed, whatever its share.
        const together = [1, 2, 3].map(() => instances.choose(keysOf(3), nowMono));
        for (const chosen of together) {
          if (chosen.instance === 'i1') calls++;
          end(instances, chosen, good || chosen.instance !== 'i1');
        }
      }
      return calls;
    };
    expect(callsTo(100)).toBeGreaterThanOrEqual(5);
    expect(callsTo(100)).toBe(0);
    good = true;
    nowMono += 30_000;
    // Two successes of probes, one at a time.
    callsTo(4);
    const shares = [1, 2, 3, 4].map(() => {
      const calls = callsTo(300);
      nowMono += 3_400;
      return calls / 900;
    });
    expect(shares.at(-1)).toBeCloseTo(1 / 3, 1);
    for (const [i, share] of shares.slice(1).entries()) expect(share).toBeGreaterThanOrEqual((shares[i] as number) - 0.02);
  });
});
