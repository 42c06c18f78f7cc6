import { expect, test } from 'vitest';
import { deadFiles } from './dead-files.ts';
import { found } from './fixture.ts';

test('finds nothing where every file is reached from an entry', () => {
  expect(found(deadFiles, 'dead-files', 'right')).toEqual([]);
});

test('names files that no entry reaches, alone or in a circle, or only their own test', () => {
  expect(found(deadFiles, 'dead-files', 'wrong')).toEqual([
    'packages/ramet/src/forgotten-too.ts:1  dead-files  no file imports this file (delete it, or import it where it was meant to be used)',
    'packages/ramet/src/forgotten.ts:1  dead-files  no file imports this file (delete it, or import it where it was meant to be used)',
    'shop/prices.ts:1  dead-files  only its own test imports this file (delete both, or import it where it was meant to be used)',
  ]);
});
