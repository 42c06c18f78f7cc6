import { expect, test } from 'vitest';
import { found } from './fixture.ts';
import { typeNames } from './type-names.ts';

test('finds nothing where each type has a name of its own, and sibling adapters use one name for one part', () => {
  expect(found(typeNames, 'type-names', 'right')).toEqual([]);
});

test('names the second type of a name, exported or not', () => {
  expect(found(typeNames, 'type-names', 'wrong')).toEqual([
    'packages/ramet/src/rpc/edge.ts:2  type-names  Edge is the name of a type in packages/ramet/src/bus/outbox.ts too (name each by what it is)',
    'packages/ramet/src/store/sqlite/pool.ts:1  type-names  Writer is the name of a type in packages/ramet/src/store/postgres/writer.ts too (name each by what it is)',
  ]);
});
