import { expect, test } from 'vitest';
import { unknownNames } from './names.ts';

const known = { logLevel: true, ports: true, bus: true, store: true, keep: true } as const;

test.each([
  ['loglevel', 'logLevel'],
  ['port', 'ports'],
  ['busses', 'bus'],
  ['stor', 'store'],
])("'%s' is not a known name, and '%s' is proposed", (given, proposed) => {
  expect(unknownNames({ [given]: 1, keep: 1 }, known)).toEqual([`'${given}' is not a known name: write '${proposed}'`]);
});

test('a name that is near none is answered with all of them', () => {
  expect(unknownNames({ retention: 1 }, known)).toEqual([
    "'retention' is not a known name: the names here are 'logLevel', 'ports', 'bus', 'store', 'keep'",
  ]);
  expect(unknownNames({ constructor: 1 }, known)).toHaveLength(1);
});

test('known names, and values that have no fields, are not a problem', () => {
  for (const given of [{ ports: {}, bus: undefined }, undefined, null, 3, 'ports', [1]]) expect(unknownNames(given, known)).toEqual([]);
});
