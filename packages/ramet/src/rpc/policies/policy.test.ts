import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { backoffMs, type Platform, realPlatform, steadyBackoffMs } from '../../platform/index.ts';
import { compilePolicy, DEFAULT_POLICY } from './policy.ts';

describe('backoff', () => {
  const withChance = (next: number): Platform => ({ ...realPlatform(), random: { ...realPlatform().random, next: () => next } });
  const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
  const limits = fc.record({ baseMs: fc.integer({ min: 1, max: 5_000 }), capMs: fc.integer({ min: 1, max: 60_000 }) });
  const attempts = fc.integer({ min: 1, max: 10_000 });

  test('is somewhere between nothing and the exponential value, which the cap bounds', () => {
    fc.assert(
      fc.property(chance, limits, attempts, (next, backoff, attempt) => {
        const waitMs = backoffMs(withChance(next), backoff, attempt);
        const wholeMs = Math.min(backoff.capMs, backoff.baseMs * 2 ** (attempt - 1));
        expect(waitMs).toBeGreaterThanOrEqual(0);
        expect(waitMs).toBeLessThanOrEqual(wholeMs);
        expect(backoffMs(withChance(0), backoff, attempt)).toBe(0);
        expect(backoffMs(withChance(1), backoff, attempt)).toBe(wholeMs);
      }),
    );
  });

  test('is never less than half of it where there must be time to recover', () => {
    fc.assert(
      fc.property(chance, limits, attempts, (next, backoff, attempt) => {
        const wholeMs = Math.min(backoff.capMs, backoff.baseMs * 2 ** (attempt - 1));
        const waitMs = steadyBackoffMs(withChance(next), backoff, attempt);
        expect(waitMs).toBeGreaterThanOrEqual(wholeMs / 2);
        expect(waitMs).toBeLessThanOrEqual(wholeMs);
      }),
    );
  });

  test('does not shrink from one attempt to the next', () => {
    fc.assert(
      fc.property(chance, limits, attempts, (next, backoff, attempt) => {
        const platform = withChance(next);
        expect(backoffMs(platform, backoff, attempt + 1)).toBeGreaterThanOrEqual(backoffMs(platform, backoff, attempt));
        expect(steadyBackoffMs(platform, backoff, attempt + 1)).toBeGreaterThanOrEqual(steadyBackoffMs(platform, backoff, attempt));
      }),
    );
  });
});

describe('a policy', () => {
  test('has defaults, and all its mistakes are reported together', () => {
    expect(compilePolicy({})).toEqual({ policy: DEFAULT_POLICY, problems: [] });
    const tuned = compilePolicy({ timeout: '1.5s', retries: 0, bulkhead: 1, breaker: { consecutive: 3, openFor: '5s' } });
    expect(tuned).toEqual({
      policy: {
        timeoutMs: 1_500,
        retries: 0,
        bulkhead: 1,
        breaker: { consecutive: 3, failureRate: 0.5, minimumCalls: 20, windowMs: 10_000, openForMs: 5_000 },
      },
      problems: [],
    });
    expect(compilePolicy({ breaker: false }).policy.breaker).toBe(false);
    const wrong = compilePolicy({
      timeout: '5 seconds' as never,
      retries: 3,
      bulkhead: 0.5,
      breaker: { consecutive: 0, failureRate: 50, minimumCalls: -1, window: '10ms', openFor: 'long' as never },
    });
    expect(wrong.problems).toEqual([
      expect.stringMatching(/^timeout: /),
      'retries: 3 is not a whole number from 0 to 2',
      'bulkhead: 0.5 is not a whole number from 1 to 1000000',
      expect.stringMatching(/^breaker\.consecutive: 0 /),
      expect.stringMatching(/^breaker\.failureRate: 50 is not a share/),
      expect.stringMatching(/^breaker\.minimumCalls: -1 /),
      expect.stringMatching(/^breaker\.window: /),
      expect.stringMatching(/^breaker\.openFor: /),
    ]);
  });
});
