import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { RametError } from '../errors/index.ts';
import { backoffMs, type Platform, realPlatform, steadyBackoffMs } from '../platform/index.ts';
import { Bulkhead, compilePolicy, DEFAULT_POLICY } from './policy.ts';

describe('a bulkhead', () => {
  test('never lets more in than its limit nor more wait, keeps their order, and forgets nobody', async () => {
    const step = fc.constantFrom<'enter' | 'leave' | 'give up'>('enter', 'enter', 'enter', 'leave', 'leave', 'give up');
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 4 }),
        fc.array(fc.record({ step, which: fc.integer({ min: 0, max: 99 }) }), { maxLength: 60 }),
        async (limit, steps) => {
          const bulkhead = new Bulkhead(limit);
          // What must be inside and waiting, and what the bulkhead says is.
          let inside: number[] = [];
          let waiting: number[] = [];
          const entered: number[] = [];
          const left: number[] = [];
          const giveUps = new Map<number, (error: RametError) => void>();
          let next = 0;
          for (const { step, which } of steps) {
            if (step === 'enter') {
              const id = next++;
              const refused = waiting.length >= limit;
              if (inside.length < limit) inside.push(id);
              else if (!refused) waiting.push(id);
              const entering = bulkhead
                .enter('target', (giveUp) => giveUps.set(id, giveUp))
                .then(
                  () => void entered.push(id),
                  (error: RametError) => {
                    left.push(id);
                    return error.code;
                  },
                );
              if (refused) expect(await entering).toBe('BulkheadFull');
            } else if (step === 'leave' && inside.length > 0) {
              inside = inside.slice(1);
              bulkhead.leave();
              const [first, ...rest] = waiting;
              if (first !== undefined) {
                inside.push(first);
                waiting = rest;
              }
            } else if (step === 'give up' && giveUps.size > 0) {
              // Anybody who ever waited: those who have entered since must not be touched by it.
              const id = [...giveUps.keys()][which % giveUps.size] as number;
              giveUps.get(id)?.(new RametError('DeadlineExceeded'));
              waiting = waiting.filter((other) => other !== id);
            }
            await undefined;
            await undefined;
            await undefined;
            expect(bulkhead.busy).toBe(inside.length);
            expect(entered.filter((id) => inside.includes(id))).toEqual(inside);
          }
          expect(entered.toSorted((a, b) => a - b)).toEqual(entered);
          expect(entered.length + left.length + waiting.length).toBe(next);
        },
      ),
      { numRuns: 500 },
    );
  });

  test('takes a place at once, or says that there is none', () => {
    const bulkhead = new Bulkhead(2);
    expect([bulkhead.tryEnter(), bulkhead.tryEnter(), bulkhead.tryEnter()]).toEqual([true, true, false]);
    bulkhead.leave();
    expect([bulkhead.tryEnter(), bulkhead.busy]).toEqual([true, 2]);
  });
});

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
  test('has defaults, and all its mistakes are told at once', () => {
    expect(compilePolicy({})).toEqual({ policy: DEFAULT_POLICY, problems: [] });
    expect(compilePolicy({ timeout: '1.5s', retries: 0, bulkhead: 1 }).policy).toEqual({ timeoutMs: 1_500, retries: 0, bulkhead: 1 });
    const wrong = compilePolicy({ timeout: '5 seconds' as never, retries: -1, bulkhead: 0.5 });
    expect(wrong.problems).toEqual([
      expect.stringMatching(/^timeout: /),
      expect.stringMatching(/^retries: /),
      expect.stringMatching(/^bulkhead: /),
    ]);
  });
});
