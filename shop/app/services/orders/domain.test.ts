import { expect, test } from 'vitest';
import { CANCELLED_BY_CUSTOMER, merged, missingBeforeConfirmed, obstacleOf, reasonShown } from './domain.ts';

test('a sku that is named twice is one line, where it was named first', () => {
  const lines = [
    { sku: 'TOY-2', quantity: 1 },
    { sku: 'BAT-1', quantity: 3 },
    { sku: 'TOY-2', quantity: 4 },
  ];
  expect(merged(lines)).toEqual([
    { sku: 'TOY-2', quantity: 5 },
    { sku: 'BAT-1', quantity: 3 },
  ]);
});

test.each([
  ['OutOfStock', { sku: 'BAT-1' }, 'out of stock: BAT-1'],
  ['Declined', { reason: 'insufficient_funds' }, 'card declined: insufficient funds'],
  ['Declined', { reason: 'card_declined' }, 'card declined: refused by the bank'],
  ['Undeliverable', { country: 'AQ' }, 'cannot be delivered: no carrier goes to AQ'],
])('the refusal %s %j is explained in a customer’s words', (error, data, reason) => {
  const obstacle = obstacleOf(error, data);
  expect(`${obstacle?.what}: ${obstacle?.detail}`).toBe(reason);
  expect(reasonShown(reason)).toBe(reason);
});

test('a refusal that means nothing to a customer has no words', () => {
  expect(obstacleOf('NotFound', { orderId: 'ord_1' })).toBeUndefined();
});

test('what went wrong inside is not shown to a customer', () => {
  expect(reasonShown(CANCELLED_BY_CUSTOMER)).toBe(CANCELLED_BY_CUSTOMER);
  expect(reasonShown("step 'charge card': no definite answer within its deadline (socket hang up)")).toBe(
    'the order could not be completed in time',
  );
});

test('a confirmed order went through every step, also where the event has not arrived', () => {
  expect(missingBeforeConfirmed(['placed', 'accepted', 'stock reserved'])).toEqual(['payment captured', 'shipment booked']);
  expect(missingBeforeConfirmed(['stock reserved', 'payment captured', 'shipment booked'])).toEqual([]);
});
