import fc from 'fast-check';
import { expect, test } from 'vitest';
import { reanchor, shrink } from './shrink.ts';

const ids = (n: number) => Array.from({ length: n }, (_, i) => `kind${i % 4}@place${i % 7}#${i}`);
const groupOf = (id: string) => id.slice(0, id.indexOf('@'));
/** Fails when all that is needed is there; counts how often it was asked. */
const needs = (needed: readonly string[]) => {
  const asked: (readonly string[])[] = [];
  const fails = async (some: readonly string[]) => {
    asked.push(some);
    return needed.every((id) => some.includes(id));
  };
  return { asked, fails };
};
const subset = fc
  .integer({ min: 1, max: 60 })
  .chain((n) => fc.tuple(fc.constant(ids(n)), fc.subarray(ids(n), { maxLength: Math.min(n, 5) })));

test('what is left is exactly what the failure needs', async () => {
  await fc.assert(
    fc.asyncProperty(subset, async ([all, needed]) => {
      const { left, runs } = await shrink(all, needs(needed).fails, { groupOf, budget: 10_000 });
      expect(left).toEqual(needed);
      expect(runs).toBeLessThan(400);
    }),
  );
});

test('of several causes one is left, and it is enough', async () => {
  await fc.assert(
    fc.asyncProperty(subset, subset, async ([all, one], [, other]) => {
      const fails = async (some: readonly string[]) => [one, other].some((cause) => cause.every((id) => some.includes(id)));
      const { left } = await shrink(all, fails, { groupOf, budget: 10_000 });
      expect(await fails(left)).toBe(true);
      for (const id of left) expect(await fails(left.filter((each) => each !== id))).toBe(false);
    }),
  );
});

test('a failure that needs no fault is left with none, after one run', async () => {
  expect(await shrink(ids(50), needs([]).fails)).toEqual({ left: [], runs: 1 });
  expect(await shrink([], needs([]).fails)).toEqual({ left: [], runs: 0 });
});

test('there are no more runs than the budget, and what is left still fails', async () => {
  await fc.assert(
    fc.asyncProperty(subset, fc.integer({ min: 0, max: 30 }), async ([all, needed], budget) => {
      const { asked, fails } = needs(needed);
      const { left, runs } = await shrink(all, fails, { groupOf, budget });
      expect(asked.length).toBe(runs);
      expect(runs).toBeLessThanOrEqual(budget);
      expect(needed.every((id) => left.includes(id))).toBe(true);
    }),
  );
});

test('whole groups are removed first', async () => {
  const { asked, fails } = needs(['kind1@place1#1']);
  await shrink(ids(40), fails, { groupOf });
  expect(asked.slice(1, 5).map((some) => new Set(some.map(groupOf)).size)).toEqual([3, 2, 2, 1]);
});

test('one fault at another time at its place may do what several did', async () => {
  const left = ['kill@a#17', 'delay@a#3', 'lose-reply@b#2'];
  const fails = async (some: readonly string[]) => some.length === 1 && some[0] === 'kill@a#5';
  expect((await reanchor(left, fails)).left).toEqual(['kill@a#5']);
  const two = async (some: readonly string[]) => some.length === 2 && some.includes('kill@a#17') && some.includes('lose-reply@b#1');
  expect((await reanchor(left, two, 1_000)).left).toEqual(['kill@a#17', 'lose-reply@b#1']);
});

test('what cannot be made fewer stays as it is, within the budget', async () => {
  const left = ['kill@a#17', 'delay@a#3', 'lose-reply@b#2'];
  const { asked, fails } = needs(left);
  expect(await reanchor(left, fails, 30)).toEqual({ left, runs: 30 });
  expect(asked).toHaveLength(30);
  expect(await reanchor(['kill@a#17'], fails)).toEqual({ left: ['kill@a#17'], runs: 0 });
});
