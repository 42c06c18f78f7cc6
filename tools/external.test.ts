import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { inOneLine } from './checks/source.ts';
import { exceptListed, readDeadCode, readStyle, readTypes } from './external.ts';
import { run } from './run.ts';

const root = join(import.meta.dirname, '..');

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
    'shop/a.ts:3  dead-code  no file imports: old (delete it, or drop the word export)',
    'shop/a.ts:1  dead-code  cycles: x (delete it)',
    'shop/a.ts:1  dead-code  cycles: y (delete it)',
  ]);
});

test('functions of more than 70 lines and parameter lists of more than five are findings, but not in tests', async () => {
  const lines = Array.from({ length: 71 }, (_, at) => `  say(${at});`).join('\n');
  const code = `declare const say: (n: number) => void;\nexport function long() {\n${lines}\n}\nexport const many = (...all: number[]) => all;\nexport function six(a: 1, b: 1, c: 1, d: 1, e: 1, f: 1) {\n  return [a, b, c, d, e, f];\n}\n`;
  const folder = mkdtempSync(join(tmpdir(), 'ramet-style-'));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  const { vcs: _, ...rules } = JSON.parse(readFileSync(join(root, 'biome.json'), 'utf8')) as { vcs: unknown };
  writeFileSync(join(folder, 'biome.json'), JSON.stringify(rules));
  const rulesFor = async (path: string) => {
    mkdirSync(join(folder, 'packages/saga'), { recursive: true });
    writeFileSync(join(folder, path), code);
    const { stdout } = await run('biome', ['lint', '--reporter=json', path], { root, cwd: folder });
    return readStyle(stdout)
      .map(({ rule }) => rule)
      .sort();
  };
  expect(await rulesFor('packages/saga/run.ts')).toEqual(['lint/complexity/noExcessiveLinesPerFunction', 'lint/complexity/useMaxParams']);
  expect(await rulesFor('packages/saga/run.test.ts')).toEqual([]);
});

test('the list of long functions allows what it names, and only shrinks', () => {
  const long = (path: string) => ({ path, line: 1, rule: 'lint/complexity/noExcessiveLinesPerFunction', message: 'long' });
  const other = { path: 'a.ts', line: 2, rule: 'lint/style/useConst', message: 'other' };
  expect(exceptListed([long('a.ts'), long('b.ts'), long('b.ts'), other], { 'a.ts': 1, 'b.ts': 1, 'c.ts': 2 }).map(inOneLine)).toEqual([
    'b.ts:1  lint/complexity/noExcessiveLinesPerFunction  long',
    'b.ts:1  lint/complexity/noExcessiveLinesPerFunction  long',
    'a.ts:2  lint/style/useConst  other',
    'tools/checks/large-functions.json:1  function-size  c.ts has 0 functions that are too long or take too many parameters, and the list allows 2 (lower the number in the list, or remove the entry)',
  ]);
});
