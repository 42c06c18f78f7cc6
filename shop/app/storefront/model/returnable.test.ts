import { expect, test } from 'vitest';
import { leftToReturn } from './returnable.ts';

const bought = [
  { sku: 'BOK-1', quantity: 3 },
  { sku: 'TOY-1', quantity: 1 },
];

test('what came back or is under way cannot be returned again; what was refused can', () => {
  expect(leftToReturn(bought, [])).toEqual(bought);
  const lines = [{ sku: 'BOK-1', quantity: 2 }];
  expect(leftToReturn(bought, [{ status: 'refused', lines }])).toEqual(bought);
  expect(leftToReturn(bought, [{ status: 'requested', lines }])).toEqual([
    { sku: 'BOK-1', quantity: 1 },
    { sku: 'TOY-1', quantity: 1 },
  ]);
  expect(
    leftToReturn(bought, [
      { status: 'completed', lines },
      { status: 'received', lines: [{ sku: 'BOK-1', quantity: 1 }] },
    ]),
  ).toEqual([{ sku: 'TOY-1', quantity: 1 }]);
});

test('while everything is being returned, and its lines are still unknown, nothing is left', () => {
  expect(leftToReturn(bought, [{ status: 'requested', lines: [] }])).toEqual([]);
  expect(leftToReturn(bought, [{ status: 'refused', lines: [] }])).toEqual(bought);
});
