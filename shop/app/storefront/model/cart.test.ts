import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Cart, cartFrom, MOST_LINES, MOST_OF_ONE, piecesOf, totalOf, withMore, withOrder, withQuantity } from './cart.ts';

const product = (sku: string, price = 1_990) => ({ sku, name: `Product ${sku}`, price });

describe('a cart', () => {
  test('has one line for each product, and counts pieces and money', () => {
    const cart = withMore(withMore(withMore([], product('A'), 1), product('B', 250), 2), product('A'), 3);
    expect(cart.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ['A', 4],
      ['B', 2],
    ]);
    expect(piecesOf(cart)).toBe(6);
    expect(totalOf(cart)).toBe(4 * 1_990 + 500);
  });

  test('takes the price of today with what is added', () => {
    expect(withMore(withMore([], product('A', 100), 1), product('A', 120), 1)).toMatchObject([{ price: 120, quantity: 2 }]);
  });

  test('loses a line that has nothing left', () => {
    expect(withQuantity(withMore([], product('A'), 2), 'A', 0)).toEqual([]);
  });

  test('is always one that the shop takes as an order, whatever is done to it or was stored', () => {
    const step = fc.tuple(
      fc.constantFrom(...Array.from({ length: 60 }, (_, i) => `S${i}`)),
      fc.integer({ min: 1, max: 200 }),
      fc.boolean(),
    );
    const isOrderable = (cart: Cart) =>
      cart.length <= MOST_LINES &&
      cart.every(({ quantity }) => Number.isInteger(quantity) && quantity >= 1 && quantity <= MOST_OF_ONE) &&
      new Set(cart.map(({ sku }) => sku)).size === cart.length;
    fc.assert(
      fc.property(fc.array(step, { maxLength: 90 }), (steps) => {
        let cart: Cart = [];
        for (const [sku, count, adds] of steps) cart = adds ? withMore(cart, product(sku), count) : withQuantity(cart, sku, count);
        expect(isOrderable(cart)).toBe(true);
        expect(cartFrom(JSON.stringify(cart))).toEqual(cart);
      }),
    );
    fc.assert(fc.property(fc.oneof(fc.string(), fc.json()), (text) => isOrderable(cartFrom(text))));
  });

  test('takes an order back, once: what is there already is not added again', () => {
    const order = [
      { ...product('A'), quantity: 2 },
      { ...product('B'), quantity: 1 },
    ];
    const back = withOrder(withMore([], product('B'), 3), order);
    expect(back.map(({ sku, quantity }) => [sku, quantity])).toEqual([
      ['B', 3],
      ['A', 2],
    ]);
    expect(withOrder(back, order)).toEqual(back);
  });

  test('drops what is not a line', () => {
    const good = { ...product('A'), quantity: 2 };
    const stored = [good, null, 3, {}, { ...good, sku: '' }, { ...good, sku: 'B', quantity: 0 }, { ...good, sku: 'C', price: '1' }];
    expect(cartFrom(JSON.stringify(stored))).toEqual([good]);
    expect(cartFrom(null)).toEqual([]);
    expect(cartFrom('{')).toEqual([]);
  });
});
