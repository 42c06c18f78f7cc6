import { expect, test } from 'vitest';
import { faultOf, merged } from './domain.ts';

test('lines of one sku become one demand, in the order of the skus', () => {
  const lines = [
    { sku: 'TOY-2', quantity: 1 },
    { sku: 'BAT-1', quantity: 3 },
    { sku: 'TOY-2', quantity: 4 },
  ];
  expect(merged(lines)).toEqual([
    { sku: 'BAT-1', quantity: 3 },
    { sku: 'TOY-2', quantity: 5 },
  ]);
});

test('merging merged lines changes nothing', () => {
  const lines = [
    { sku: 'A', quantity: 1 },
    { sku: 'B', quantity: 2 },
  ];
  expect(merged(lines)).toEqual(lines);
});

test('goods come back worn out when the customer says so in these words', () => {
  expect(['It is Worn out!', 'worn outside only', 'too green'].map(faultOf)).toEqual(['worn out', undefined, undefined]);
});
