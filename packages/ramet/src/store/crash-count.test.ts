import { expect, test } from 'vitest';
import { realPlatform } from '../platform/index.ts';
import { countCrash, EndedAttempts, isGivenUp, STARTS_MAX, Suspects } from './crash-count.ts';

test('a first crash costs no wait, further ones cost more and more, and the eighth gives the work up', () => {
  const counts = Array.from({ length: STARTS_MAX }, (_, before) => countCrash(before));
  expect(counts.map(({ waitMs }) => waitMs)).toEqual([0, 250, 500, 1_000, 2_000, 4_000, 8_000, 16_000]);
  expect(counts.map(({ givenUp }) => givenUp)).toEqual([...Array(STARTS_MAX - 1).fill(false), true]);
  expect(countCrash(100).waitMs).toBe(60_000);
});

test('work whose cause may be elsewhere is allowed more crashes', () => {
  expect(isGivenUp(STARTS_MAX, 2)).toBe(false);
  expect(isGivenUp(STARTS_MAX + 2, 2)).toBe(true);
});

test('an open lease is a crash, unless this process saw the attempt end', () => {
  const attempts = new EndedAttempts();
  expect(attempts.isCrash('a', 1, 0)).toBe(false);
  expect(attempts.isCrash('a', 1, 5)).toBe(true);
  attempts.ended('a', 1);
  expect(attempts.isCrash('a', 1, 5)).toBe(false);
  expect(attempts.isCrash('a', 2, 5)).toBe(true);
  attempts.forget('a');
  expect(attempts.isCrash('a', 1, 5)).toBe(true);
});

test('suspects start one at a time, and later the more crashes they have seen', async () => {
  let nowMono = 0;
  const platform = realPlatform();
  const suspects = new Suspects({ ...platform, clock: { ...platform.clock, monoNow: () => nowMono } });
  expect([1, 2, 5].map((crashes) => suspects.earlyMs(crashes))).toEqual([0, 250, 2_000]);
  nowMono = 300;
  expect([2, 5].map((crashes) => suspects.earlyMs(crashes))).toEqual([0, 1_700]);
  const order: string[] = [];
  const first = await suspects.turn();
  const second = suspects.turn().then((release) => {
    order.push('second started');
    release();
  });
  await new Promise((resolve) => setImmediate(resolve));
  order.push('first ended');
  first();
  await second;
  expect(order).toEqual(['first ended', 'second started']);
});
