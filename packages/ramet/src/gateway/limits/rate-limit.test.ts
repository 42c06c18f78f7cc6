import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Platform } from '../../platform/index.ts';
import { createRateLimiter, parseRate, type Rate } from './rate-limit.ts';

/** A limiter and the clock that it reads. */
function limiterOf(rate: Rate | string, maxKeys?: number) {
  const clock = { nowMs: 1_000_000_000.25 };
  const hashed: string[] = [];
  const sha256 = (text: string) => `hash ${hashed.push(text) && text.at(-1)}`;
  const platform = { clock: { monoNow: () => clock.nowMs }, crypto: { sha256 } } as unknown as Platform;
  const limiter = createRateLimiter(platform, typeof rate === 'string' ? parseRate(rate) : rate, maxKeys === undefined ? {} : { maxKeys });
  return {
    clock,
    hashed,
    take: (key = 'client') => limiter.take(key),
    takeMany: (n: number, key = 'client') => Array.from({ length: n }, () => limiter.take(key)),
  };
}

const admitted = (decisions: readonly { allowed: boolean }[]) => decisions.filter((decision) => decision.allowed).length;

describe('parseRate', () => {
  it('reads a number of requests and a duration', () => {
    expect(parseRate('100/15m')).toEqual({ count: 100, windowMs: 900_000 });
    expect(parseRate('5/250ms')).toEqual({ count: 5, windowMs: 250 });
    expect(parseRate('1/1.5s')).toEqual({ count: 1, windowMs: 1_500 });
  });

  it.each([
    '',
    '100',
    '100/',
    '/15m',
    '0/15m',
    '-1/15m',
    '1.5/15m',
    '100/15',
    '100/15m/2',
    '100 / 15m',
    '100/0s',
    '100/m',
    '1e3/1s',
    '9999999999/1s',
  ])('refuses %j and says what to write', (text) => {
    expect(() => parseRate(text)).toThrow(RangeError);
    expect(() => parseRate(text)).toThrow(`'${text}' is not a rate: `);
  });
});

describe('createRateLimiter', () => {
  it('allows the whole count at once and refuses the next', () => {
    const { takeMany } = limiterOf('100/15m');
    const decisions = takeMany(101);
    expect(admitted(decisions.slice(0, 100))).toBe(100);
    expect(decisions[0]).toEqual({ allowed: true, limit: 100, remaining: 99, resetMs: 9_000, retryAfterMs: 0 });
    expect(decisions[99]).toEqual({ allowed: true, limit: 100, remaining: 0, resetMs: 900_000, retryAfterMs: 0 });
    expect(decisions[100]).toEqual({ allowed: false, limit: 100, remaining: 0, resetMs: 900_000, retryAfterMs: 9_000 });
  });

  it('gives requests back one by one, evenly', () => {
    const { clock, take, takeMany } = limiterOf('100/15m');
    takeMany(100);
    clock.nowMs += 8_999;
    expect(take().allowed).toBe(false);
    clock.nowMs += 1;
    expect(take().allowed).toBe(true);
    expect(take().allowed).toBe(false);
    clock.nowMs += 45_000;
    expect(admitted(takeMany(10))).toBe(5);
  });

  it('is whole again after the window and no more than whole', () => {
    const { clock, takeMany } = limiterOf('100/15m');
    takeMany(100);
    clock.nowMs += 10 * 900_000;
    expect(admitted(takeMany(200))).toBe(100);
  });

  it('charges nothing for refused requests', () => {
    const { clock, take, takeMany } = limiterOf('10/10s');
    takeMany(1_000);
    clock.nowMs += 1_000;
    expect(take().allowed).toBe(true);
  });

  it('counts keys apart', () => {
    const { take, takeMany } = limiterOf('10/10s');
    takeMany(10, 'a');
    expect(take('a').allowed).toBe(false);
    expect(take('b')).toMatchObject({ allowed: true, remaining: 9 });
  });

  const rates = fc.record({ count: fc.integer({ min: 1, max: 50 }), windowMs: fc.integer({ min: 1, max: 100_000 }) });
  const pauses = fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5_000 }), fc.double({ min: 0, max: 500, noNaN: true }));

  it('never admits more than the count and what has drained since, over any time', () => {
    fc.assert(
      fc.property(rates, fc.array(pauses, { maxLength: 120 }), (rate, waits) => {
        const { clock, take } = limiterOf(rate);
        const times: number[] = [];
        for (const wait of waits) {
          clock.nowMs += wait;
          if (take().allowed) times.push(clock.nowMs);
        }
        for (const [i, from] of times.entries()) {
          for (const [j, to] of times.slice(i).entries()) {
            expect(j + 1).toBeLessThanOrEqual(rate.count + ((to - from) * rate.count) / rate.windowMs + 1e-3);
          }
        }
      }),
    );
  });

  it('admits a request after exactly the wait that it named, and is whole after exactly the reset', () => {
    fc.assert(
      fc.property(rates, fc.array(pauses, { maxLength: 60 }), (rate, waits) => {
        const { clock, take, takeMany } = limiterOf(rate);
        for (const wait of waits) {
          clock.nowMs += wait;
          take();
        }
        const last = takeMany(rate.count + 1).at(-1);
        clock.nowMs += last?.allowed ? 0 : (last?.retryAfterMs ?? 0);
        const again = take();
        expect(again.allowed).toBe(true);
        clock.nowMs += again.resetMs;
        expect(admitted(takeMany(rate.count + 2))).toBe(rate.count);
      }),
    );
  });

  it('allows more requests after a longer wait', () => {
    fc.assert(
      fc.property(rates, fc.nat(60), fc.nat(200_000), fc.nat(200_000), (rate, before, wait, longer) => {
        const remainingAfter = (waitMs: number) => {
          const { clock, take, takeMany } = limiterOf(rate);
          takeMany(before);
          clock.nowMs += waitMs;
          return take();
        };
        const [early, late] = [remainingAfter(wait), remainingAfter(wait + longer)];
        expect(late.remaining).toBeGreaterThanOrEqual(early.remaining);
        expect(Number(late.allowed)).toBeGreaterThanOrEqual(Number(early.allowed));
        expect(late.retryAfterMs).toBeLessThanOrEqual(early.retryAfterMs);
      }),
    );
  });

  it('drops keys that are whole again before those that are not', () => {
    const { clock, take, takeMany } = limiterOf('10/10s', 3);
    takeMany(10, 'spent');
    take('light');
    take('lighter');
    clock.nowMs += 1_000;
    take('new');
    expect(take('spent').remaining).toBe(0);
  });

  it('drops the longest unused key when none is whole, and remembers as many as it may', () => {
    const { take } = limiterOf('10/10s', 3);
    for (const key of ['a', 'b', 'c', 'a', 'd']) take(key);
    expect(['a', 'c', 'd'].map((key) => take(key).remaining)).toEqual([7, 8, 8]);
    expect(take('b').remaining).toBe(9);
  });

  it('counts a refused request as a use, so that a refused client is not forgotten', () => {
    const { take, takeMany } = limiterOf('2/10s', 2);
    takeMany(2, 'spent');
    take('a');
    expect(take('spent').allowed).toBe(false);
    take('b');
    expect(take('spent').allowed).toBe(false);
  });

  it('counts long keys apart without storing them', () => {
    const { take, hashed } = limiterOf('10/10s');
    const long = 'x'.repeat(100_000);
    expect([take(`${long}a`), take(`${long}a`), take(`${long}b`)].map((decision) => decision.remaining)).toEqual([9, 8, 9]);
    take('short');
    expect(hashed).toEqual([`${long}a`, `${long}a`, `${long}b`]);
  });
});
