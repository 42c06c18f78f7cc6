import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Advance, advances, entryOf, type Fact, isSettled, merged, refundObstacle, type Stage, statusOf } from './domain.ts';

/** Every way that a return may go, and where it ends. */
const WAYS: readonly (readonly [facts: readonly Fact[], end: Stage])[] = [
  [['denied'], 'refused'],
  [['approved', 'rejected'], 'refused'],
  [['approved', 'received', 'refund refused'], 'refused'],
  [['approved', 'received', 'refunded', 'restocked'], 'completed'],
];

/** Adds facts one by one, and advances after each. */
function follow(facts: readonly Fact[]): { stage: Stage; made: Advance[] } {
  const told = new Set<Fact>();
  const made: Advance[] = [];
  let stage: Stage = 'requested';
  for (const fact of facts) {
    told.add(fact);
    const steps = advances(stage, told);
    made.push(...steps);
    stage = steps.at(-1)?.to ?? stage;
  }
  return { stage, made };
}

const arrivals = fc.constantFrom(...WAYS).chain(([facts, end]) =>
  fc.record({
    facts: fc.constant(facts),
    end: fc.constant(end),
    // In any order, and some of them again.
    told: fc
      .tuple(fc.shuffledSubarray([...facts], { minLength: facts.length }), fc.array(fc.constantFrom(...facts), { maxLength: 4 }))
      .chain(([all, again]) => fc.shuffledSubarray([...all, ...again], { minLength: all.length + again.length })),
  }),
);

test('facts in any order, and however often, take a return the same way', () => {
  fc.assert(
    fc.property(arrivals, ({ facts, end, told }) => {
      const { stage, made } = follow(told);
      expect(stage).toBe(end);
      expect(made.map(({ by }) => by)).toEqual(facts);
    }),
  );
});

test('a fact that is ahead of its predecessor waits for it', () => {
  expect(follow(['received'])).toEqual({ stage: 'requested', made: [] });
  expect(follow(['received', 'approved']).stage).toBe('received');
});

test('what has ended stays as it is', () => {
  const all = new Set<Fact>(['approved', 'denied', 'received', 'rejected', 'refunded', 'refund refused', 'restocked']);
  expect([advances('completed', all), advances('refused', all)]).toEqual([[], []]);
});

test('a customer is shown five statuses, and words for each step', () => {
  const stages: Stage[] = ['requested', 'approved', 'received', 'refunded', 'completed', 'refused'];
  expect(stages.map(statusOf)).toEqual(['requested', 'requested', 'received', 'refunded', 'completed', 'refused']);
  expect(stages.map((stage) => entryOf(stage, 'why'))).toEqual([
    'requested',
    'approved',
    'goods received',
    'payment refunded',
    'completed',
    'refused: why',
  ]);
  expect(stages.map(statusOf).filter(isSettled)).toEqual(['completed', 'refused']);
});

test('a sku that is named twice is one line', () => {
  const lines = ['A', 'B', 'A'].map((sku) => ({ sku, quantity: 2 }));
  expect(merged(lines)).toEqual([
    { sku: 'A', quantity: 4 },
    { sku: 'B', quantity: 2 },
  ]);
});

test('a refund that was refused is explained, and nothing of the inside is said', () => {
  expect(refundObstacle('no_partial_refunds')).toBe('the bank of the card takes no refund in part');
  expect(refundObstacle('TypeError: x')).toBe('the payment could not be refunded');
});
