import { expect, test } from 'vitest';
import { inOneLine } from './checks/source.ts';
import { readDeadCode, readStyle, readTypes } from './external.ts';

test('a type error is one finding, its explanation included', () => {
  const stdout =
    "shop/a.ts(3,28): error TS2345: Argument of type 'A' is wrong.\n  Property 'b' is missing.\nshop/b.ts(1,1): error TS1: No.\n";
  expect(readTypes(stdout).map(inOneLine)).toEqual([
    "shop/a.ts:3  types  TS2345: Argument of type 'A' is wrong. Property 'b' is missing.",
    'shop/b.ts:1  types  TS1: No.',
  ]);
});

test('a lint finding carries the fix that the linter proposes', () => {
  const location = (line: number) => ({ path: 'shop/a.ts', start: { line } });
  const diagnostics = [
    { category: 'lint/style/useConst', message: 'Never assigned.', location: location(2), advices: [{ text: 'Use const instead.' }] },
    { category: 'format', message: 'Formatter would have printed:', location: location(0), advices: [] },
  ];
  expect(readStyle(JSON.stringify({ diagnostics })).map(inOneLine)).toEqual([
    'shop/a.ts:2  lint/style/useConst  Never assigned. (Use const instead.)',
    'shop/a.ts:1  format  not formatted (run npx biome check --write)',
  ]);
});

test('dead code is one finding for each name', () => {
  const issues = [
    { file: 'shop/a.ts', exports: [{ name: 'old', line: 3 }], dependencies: [], types: [], cycles: [[{ name: 'x' }, { name: 'y' }]] },
  ];
  expect(readDeadCode(JSON.stringify({ issues })).map(inOneLine)).toEqual([
    'shop/a.ts:3  dead-code  nobody imports: old (delete it, or drop the word export)',
    'shop/a.ts:1  dead-code  cycles: x (delete it)',
    'shop/a.ts:1  dead-code  cycles: y (delete it)',
  ]);
});
