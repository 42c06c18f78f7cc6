import { describe, expect, test } from 'vitest';
import { HISTORY, obstacleOf } from '../../services/orders/domain.ts';
import { type Entry, type OrderStatus, reasonOf, sentence, stagesOf, summaryOf, withNames } from './journey.ts';

const history = (...whats: string[]): Entry[] => whats.map((what, i) => ({ what, at: `2026-11-21T10:00:0${i}.000Z` }));
const states = (status: OrderStatus, ...whats: string[]) =>
  stagesOf(status, history(...whats)).map(({ name, state }) => `${name} ${state}`);
const {
  placed,
  accepted,
  stockReserved,
  stockReleased,
  paymentCaptured,
  paymentDeclined,
  paymentRefunded,
  shipmentBooked,
  cancelRequested,
  confirmed,
} = HISTORY;

describe('the journey of an order', () => {
  test('shows at each moment what is done and what is under way', () => {
    const whole = [placed, accepted, stockReserved, paymentCaptured, shipmentBooked];
    const current = whole.map((_, i) => states('pending', ...whole.slice(0, i + 1)).find((stage) => stage.endsWith(' current')));
    expect(current).toEqual(['Reserved current', 'Reserved current', 'Paid current', 'Shipped current', 'Confirmed current']);
    expect(states('confirmed', ...whole, confirmed)).toEqual([
      'Placed done',
      'Reserved done',
      'Paid done',
      'Shipped done',
      'Confirmed done',
    ]);
  });

  test.each([
    ['cancelled: out of stock: BOK-0001', [placed, accepted], ['Reserved failed', 'Paid skipped', 'Shipped skipped']],
    [
      'cancelled: card declined: refused by the bank',
      [placed, accepted, stockReserved, paymentDeclined, stockReleased],
      ['Reserved undone', 'Paid failed', 'Shipped skipped'],
    ],
    [
      'cancelled: cannot be delivered: no carrier goes to AQ',
      [placed, accepted, stockReserved, paymentCaptured, paymentRefunded, stockReleased],
      ['Reserved undone', 'Paid undone', 'Shipped failed'],
    ],
    [
      'cancelled: the order could not be completed in time',
      [placed, accepted, stockReserved, stockReleased],
      ['Reserved undone', 'Paid failed', 'Shipped skipped'],
    ],
    [
      'cancelled by the customer',
      [placed, accepted, stockReserved, cancelRequested, stockReleased],
      ['Reserved undone', 'Paid skipped', 'Shipped skipped'],
    ],
  ])('that ended with “%s” shows what failed and what was undone', (end, before, expected) => {
    const ending = end === 'cancelled by the customer' ? 'Cancelled ended' : 'Cancelled failed';
    expect(states('cancelled', ...before, end)).toEqual(['Placed done', ...expected, ending]);
  });

  test('that was cancelled is undone as a whole, even where the entry that says so came too late to be shown', () => {
    expect(states('cancelled', placed, stockReserved, paymentCaptured, 'cancelled: cannot be delivered: no carrier goes to AQ')).toEqual([
      'Placed done',
      'Reserved undone',
      'Paid undone',
      'Shipped failed',
      'Cancelled failed',
    ]);
  });

  test('that is being cancelled shows nothing else as under way', () => {
    expect(states('pending', placed, stockReserved, cancelRequested)).toEqual([
      'Placed done',
      'Reserved done',
      'Paid waiting',
      'Shipped waiting',
      'Cancelling current',
    ]);
  });

  test('that was cancelled at the customer’s request ended as requested, whatever stopped it first', () => {
    const late = 'the order could not be completed in time';
    expect(reasonOf('cancelled', history(placed, cancelRequested), late)).toBe('cancelled by the customer');
    expect(reasonOf('cancelled', history(placed), late)).toBe(late);
    expect(reasonOf('confirmed', history(placed, cancelRequested), undefined)).toBe(undefined);
  });

  test('is described with the names of countries and products', () => {
    expect(sentence('cannot be delivered: no carrier goes to AQ')).toBe('Cannot be delivered: no carrier goes to Antarctica');
    expect(sentence('out of stock: AQ')).toBe('Out of stock: AQ');
    const products = [
      { sku: 'BOK-0001', name: 'A book for $&' },
      { sku: 'TOY-0001', name: 'A bear' },
    ];
    expect(withNames('returned already: BOK-0001', products)).toBe('returned already: A book for $&');
  });

  test('shows a stage whose event arrived before the one ahead of it: events of several services come in any order', () => {
    expect(states('pending', placed, paymentCaptured)).toEqual([
      'Placed done',
      'Reserved current',
      'Paid done',
      'Shipped waiting',
      'Confirmed waiting',
    ]);
  });

  test('knows every reason that the orders give a customer', () => {
    for (const [error, data, stage] of [
      ['OutOfStock', { sku: 'A' }, 'Reserved'],
      ['Declined', { reason: 'insufficient_funds' }, 'Paid'],
      ['Undeliverable', { country: 'AQ' }, 'Shipped'],
    ] as const) {
      const obstacle = obstacleOf(error, data);
      const reason = `${obstacle?.what}: ${obstacle?.detail}`;
      const failed = stagesOf('cancelled', history(placed, `cancelled: ${reason}`), reason).filter(
        ({ state, name }) => state === 'failed' && name !== 'Cancelled',
      );
      expect(failed.map(({ name }) => name)).toEqual([stage]);
    }
  });

  test('is described in one sentence', () => {
    const tell = (status: OrderStatus, ...whats: string[]) =>
      summaryOf(status, stagesOf(status, history(...whats)), whats.at(-1)?.replace(/^cancelled: /, ''));
    expect(tell('pending', placed, stockReserved)).toBe('Waiting for your bank…');
    expect(tell('pending', placed, stockReserved, cancelRequested)).toBe('Cancelling…');
    expect(tell('confirmed', placed, confirmed)).toBe('Your order is confirmed.');
    expect(tell('cancelled', placed, 'cancelled: out of stock: A')).toBe('Your order was cancelled. Out of stock: A.');
    expect(tell('cancelled', placed, 'cancelled by the customer')).toBe('Your order is cancelled, as you wished.');
  });
});
