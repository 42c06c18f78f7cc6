import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Line } from './domain.ts';
import { type Bought, judgeReturn } from './returnable.ts';

const order: Bought = {
  customerId: 'ada',
  confirmed: true,
  sold: [
    { sku: 'A', price: 100, quantity: 2 },
    { sku: 'B', price: 7, quantity: 3 },
  ],
  returned: [],
};
const ask = (bought: Bought | undefined, lines?: Line[], customerId = 'ada') => judgeReturn(bought, { customerId, lines });
const denied = (reason: string) => ({ kind: 'denied', reason });

test('another customer’s order is denied in the words for one that never was', () => {
  expect(ask(order, undefined, 'eve')).toEqual(denied('there is no such order of yours'));
  expect(ask(undefined)).toEqual(ask(order, undefined, 'eve'));
});

test.each<[string, Bought, Line[] | undefined, string]>([
  ['an order that is not confirmed', { ...order, confirmed: false }, undefined, 'the order is not confirmed'],
  ['what was not bought', order, [{ sku: 'C', quantity: 1 }], 'not part of the order: C'],
  ['more than was bought', order, [{ sku: 'A', quantity: 3 }], 'more than there is to return: A'],
  ['more than was bought, in two lines', order, [1, 2].map((quantity) => ({ sku: 'A', quantity })), 'more than there is to return: A'],
  ['what came back', { ...order, returned: [{ sku: 'A', quantity: 2 }] }, [{ sku: 'A', quantity: 1 }], 'returned already: A'],
  ['everything after everything', { ...order, returned: order.sold }, undefined, 'everything was returned already'],
])('%s is denied', (_, bought, lines, reason) => {
  expect(ask(bought, lines)).toEqual(denied(reason));
});

test('what is not named is everything that is left, at the price that was paid', () => {
  expect(ask({ ...order, returned: [{ sku: 'B', quantity: 1 }] })).toEqual({
    kind: 'approved',
    amount: 214,
    lines: [
      { sku: 'A', quantity: 2 },
      { sku: 'B', quantity: 2 },
    ],
  });
});

const quantity = fc.integer({ min: 1, max: 9 });
const sold = fc.uniqueArray(fc.record({ sku: fc.constantFrom('A', 'B', 'C', 'D'), price: fc.integer({ min: 1, max: 500 }), quantity }), {
  selector: ({ sku }) => sku,
  minLength: 1,
});
const wishes = fc.array(
  fc.option(fc.array(fc.record({ sku: fc.constantFrom('A', 'B', 'C', 'D'), quantity }), { minLength: 1, maxLength: 3 })),
  {
    maxLength: 8,
  },
);

test('however an order is returned, never more comes back than was sold, nor more money; the rest is the rest of both', () => {
  fc.assert(
    fc.property(sold, wishes, (lines, asked) => {
      const total = lines.reduce((sum, line) => sum + line.price * line.quantity, 0);
      const returned: Line[] = [];
      let paid = 0;
      // Last of all everything that is left.
      for (const wish of [...asked, null]) {
        const verdict = ask({ ...order, sold: lines, returned }, wish ?? undefined);
        if (verdict.kind === 'denied') continue;
        returned.push(...verdict.lines);
        paid += verdict.amount;
        for (const { sku, quantity: bought } of lines) {
          const back = returned.filter((line) => line.sku === sku).reduce((sum, line) => sum + line.quantity, 0);
          expect(back).toBeLessThanOrEqual(bought);
        }
        expect(paid).toBeLessThanOrEqual(total);
      }
      expect(paid).toBe(total);
    }),
  );
});
