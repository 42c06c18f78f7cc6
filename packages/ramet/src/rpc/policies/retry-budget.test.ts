import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RetryBudget } from './retry-budget.ts';
import { SlidingCount } from './sliding-count.ts';

const WINDOW_MS = 10_000;

describe('a budget for retries', () => {
  test('holds, at every retry, for the ten seconds that end with it: a fifth of the first attempts and a hundred', () => {
    const step = fc.record({ ms: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 4_000 })), firsts: fc.nat(80), tries: fc.nat(150) });
    fc.assert(
      fc.property(fc.nat(10_000), fc.array(step, { maxLength: 60 }), (startMono, steps) => {
        const budget = new RetryBudget();
        const firsts: number[] = [];
        const retries: number[] = [];
        const within = (times: number[], now: number) => times.filter((time) => time > now - WINDOW_MS).length;
        let now = startMono;
        for (const { ms, firsts: count, tries } of steps) {
          now += ms;
          for (let i = 0; i < count; i++) {
            budget.deposit(now);
            firsts.push(now);
          }
          for (let i = 0; i < tries; i++) {
            if (!budget.withdraw(now)) break;
            retries.push(now);
            expect(within(retries, now)).toBeLessThanOrEqual(0.2 * within(firsts, now) + 100);
          }
        }
      }),
      { numRuns: 300 },
    );
  });

  test('gives a token for every five first attempts, and ten a second besides', () => {
    const budget = new RetryBudget();
    for (let i = 0; i < 1_000; i++) budget.deposit(0);
    let given = 0;
    while (budget.withdraw(0)) given++;
    expect(given).toBe(300);
    expect(budget.withdraw(9_999)).toBe(false);
  });

  test('forgets deposits and retries with time', () => {
    const budget = new RetryBudget();
    for (let i = 0; i < 1_000; i++) budget.deposit(0);
    let late = 0;
    while (budget.withdraw(11_000)) late++;
    expect(late).toBe(100);
    let later = 0;
    while (budget.withdraw(22_001)) later++;
    expect(later).toBe(100);
  });
});

test('a sliding count is that of its last slots', () => {
  const event = fc.record({ ms: fc.integer({ min: 0, max: 3_000 }), add: fc.boolean() });
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 12 }), fc.array(event, { maxLength: 100 }), (slots, events) => {
      const count = new SlidingCount(slots, 100);
      const times: number[] = [];
      let now = 0;
      for (const { ms, add } of events) {
        now += ms;
        if (add) {
          count.add(now);
          times.push(now);
        }
        const oldest = Math.floor(now / 100) - slots + 1;
        expect(count.sum(now)).toBe(times.filter((time) => Math.floor(time / 100) >= oldest).length);
      }
    }),
  );
});
