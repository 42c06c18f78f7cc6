import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { LatencyLimit } from './latency-limit.ts';
import { type Waiting, WaitingLine } from './waiting-line.ts';
import { YoungCount } from './young-count.ts';

test('an adaptive limit stays within its bounds, and one overload is one decrease', () => {
  const limit = new AdaptiveLimit(16);
  limit.settled(true, 100, 0);
  for (let i = 0; i < 50; i++) limit.settled(true, 100, 99);
  expect(limit.value).toBe(90);
  limit.settled(true, 90, 100);
  expect(limit.value).toBe(81);
  const step = fc.record({
    late: fc.option(fc.boolean(), { nil: undefined }),
    under: fc.nat(20_000),
    share: fc.double({ min: 0, max: 1, noNaN: true }),
  });
  fc.assert(
    fc.property(fc.array(step), (steps) => {
      const any = new AdaptiveLimit(16);
      for (const [i, { late, under, share }] of steps.entries()) {
        any.settled(late, under, i * 60);
        if (i % 5 === 0) any.shrink(under, share);
        if (i % 7 === 0) any.grow(under);
        expect(any.value).toBeGreaterThanOrEqual(16);
        expect(any.value).toBeLessThanOrEqual(10_000);
      }
    }),
  );
});

test('a count of the young is what a list of them says', () => {
  const step = fc.record({ ms: fc.nat(700), begin: fc.nat(5), end: fc.nat(5) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const young = new YoungCount();
      let nowMs = 5_000;
      let open: { bucket: number; atMs: number }[] = [];
      for (const { ms, begin, end } of steps) {
        nowMs += ms;
        for (let i = 0; i < begin; i++) open.push({ bucket: young.begin(nowMs), atMs: nowMs });
        for (const { bucket } of open.slice(0, end)) young.ended(bucket, nowMs);
        open = open.slice(end);
        const bucketOf = (atMs: number) => Math.floor(atMs / 100);
        expect(young.at(nowMs)).toBe(open.filter(({ atMs }) => bucketOf(atMs) > bucketOf(nowMs) - 10).length);
      }
    }),
  );
});

describe('a limit by latency', () => {
  /** A resource that does one thing after another, each in `serviceMs`, asked `perSecond` times a second for `seconds`. */
  function served(limit: LatencyLimit, serviceMs: number, perSecond: number, seconds: number) {
    let [freeAtMs, refused] = [0, 0];
    const ends: { atMs: number; tookMs: number }[] = [];
    const took: number[] = [];
    const end = (untilMs: number) => {
      while (ends[0] && ends[0].atMs <= untilMs) {
        const { atMs, tookMs } = ends.shift() as (typeof ends)[0];
        took.push(tookMs);
        limit.leave(tookMs, atMs);
      }
    };
    for (let i = 0; i < perSecond * seconds; i++) {
      const nowMs = (i * 1_000) / perSecond;
      end(nowMs);
      if (!limit.tryEnter()) refused++;
      else {
        freeAtMs = Math.max(freeAtMs, nowMs) + serviceMs;
        ends.push({ atMs: freeAtMs, tookMs: freeAtMs - nowMs });
      }
    }
    end(Number.POSITIVE_INFINITY);
    return { took, refused };
  }

  test('keeps answers of a resource that is asked twice too much within about half a second, and the resource busy', () => {
    const limit = new LatencyLimit();
    expect(served(limit, 5, 100, 2).refused).toBe(0);
    const { took } = served(limit, 5, 400, 20);
    const settled = took.slice(took.length / 4);
    expect(Math.max(...settled)).toBeLessThan(750);
    // 200 a second is what it can do.
    expect(took.length).toBeGreaterThan(0.95 * 200 * 20);
  });

  test('refuses nothing of what always takes long, and nothing of which it knows no time', () => {
    const slow = new LatencyLimit();
    for (let i = 0; i < 2_000; i++) {
      expect(slow.tryEnter()).toBe(true);
      slow.leave(2_000 + (i % 7) * 100, i * 10);
    }
    const wishes = new LatencyLimit();
    for (let i = 0; i < 5_000; i++) expect(wishes.tryEnter()).toBe(true);
    for (let i = 0; i < 5_000; i++) wishes.leave(undefined, i * 1_000);
    expect(wishes.value).toBe(10_000);
  });
});

describe('a waiting line', () => {
  const waiter = (name: string, deadlineMono: number, log: string[]): Waiting => ({
    deadlineMono,
    admit: () => {
      log.push(`${name} in`);
      return true;
    },
    expire: () => void log.push(`${name} out`),
  });

  test('lets the oldest leave where no more may wait', () => {
    const log: string[] = [];
    const line = new WaitingLine(10);
    expect(['a', 'b', 'c'].map((name) => line.joinForOldest(waiter(name, 100, log), 0, 2))).toEqual([0, 0, 1]);
    expect(log).toEqual(['a out']);
    expect(line.joinForOldest(waiter('d', 100, log), 0, 1)).toBe(2);
    line.admitNext(1);
    expect(log).toEqual(['a out', 'b out', 'c out', 'd in']);
  });

  test('serves the newest first on request', () => {
    const log: string[] = [];
    const line = new WaitingLine(10);
    for (const name of ['a', 'b', 'c']) line.join(waiter(name, 100, log), 0);
    line.admitAny(1, true);
    line.admitNext(1);
    expect([line.dropExpired(99), line.dropExpired(100), line.length]).toEqual([0, 1, 0]);
    expect(log).toEqual(['c in', 'a in', 'b out']);
  });
});
