import fc from 'fast-check';
import { expect, test } from 'vitest';
import { declined, type Entry, entriesOf, type Fact, isSettled, type Status } from './domain.ts';

const FACTS: Fact[] = ['allocated', 'paid', 'declined', 'refunded', 'cancelled by the customer'];

function follow(facts: readonly Fact[]): { status: Status; entries: Entry[] } {
  let status: Status = 'waiting';
  const entries: Entry[] = [];
  for (const fact of facts) {
    const made = entriesOf(status, fact, 'why');
    entries.push(...made);
    status = made.at(-1)?.status ?? status;
  }
  return { status, entries };
}

test('a pre-order is confirmed when it is paid, whichever is heard of first, and the history is the same', () => {
  const whats = (facts: Fact[]) => follow(facts).entries.map(({ what }) => what);
  expect(whats(['allocated', 'paid'])).toEqual(['goods set aside', 'payment captured', 'confirmed']);
  expect(whats(['paid', 'allocated'])).toEqual(whats(['allocated', 'paid']));
  expect(whats(['declined', 'allocated'])).toEqual(whats(['allocated', 'declined']));
});

test('a pre-order ends once, whatever arrives in whatever order, and publishes nothing after it but the outcome of the money', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...FACTS), { maxLength: 12 }), (facts) => {
      const { status, entries } = follow(facts);
      const ends = entries.findIndex((entry) => isSettled(entry.status));
      const after = ends < 0 ? [] : entries.slice(ends + 1);
      expect(after.every((entry) => entry.what === 'payment refunded' && entry.status === status)).toBe(true);
      const decisive = facts.find((fact) => fact === 'paid' || fact === 'declined' || fact === 'cancelled by the customer');
      expect(status).toBe(
        decisive === undefined ? (facts.includes('allocated') ? 'allocated' : 'waiting') : decisive === 'paid' ? 'confirmed' : 'cancelled',
      );
    }),
  );
});

test('a payment that comes after the cancellation changes nothing', () => {
  expect(entriesOf('cancelled', 'paid')).toEqual([]);
  expect(entriesOf('cancelled', 'refunded')).toEqual([{ status: 'cancelled', what: 'payment refunded' }]);
});

test('a decline is explained in a customer’s words', () => {
  expect([declined('card_declined'), declined('insufficient_funds')]).toEqual([
    'card declined: refused by the bank',
    'card declined: insufficient funds',
  ]);
});
