import { expect, test } from 'vitest';
import { COUNTER, deliverable, trackingNumber } from './domain.ts';

test('no carrier goes to Antarctica', () => {
  expect(deliverable({ ...COUNTER, country: 'AQ' })).toBe(false);
});

test('an order without an address can be delivered', () => {
  expect(deliverable(COUNTER)).toBe(true);
});

test('a tracking number is short and says which shipment it is', () => {
  expect(trackingNumber('shp_06f2k3m9q8vtwyz0a2b3c4d5e6')).toBe('RMZ0A2B3C4D5E6');
});
