import { expect, test } from 'vitest';
import { LARGE_FILES, size } from './size.ts';
import { inOneLine, type SourceFile } from './source.ts';

/** Files of so many lines beside a list of large ones. Made here, for a fixture of a thousand lines would show nothing. */
function repository(lines: Readonly<Record<string, number>>, list: Readonly<Record<string, string>>): SourceFile[] {
  const files = Object.entries(lines).map(([path, count]) => ({ path, text: 'export {};\n'.repeat(count) }));
  return [...files, { path: LARGE_FILES, text: JSON.stringify(list, null, 2) }];
}

test('finds nothing where files are small, listed with a reason, or tests', () => {
  const files = repository({ 'shop/a.ts': 400, 'shop/b.ts': 700, 'shop/b.test.ts': 900 }, { 'shop/b.ts': 'one table of prices' });
  expect(size(files)).toEqual([]);
});

test('names files that are too large and list entries that are not needed any more', () => {
  const lines = { 'shop/a.ts': 401, 'shop/b.ts': 402, 'shop/c.ts': 701, 'shop/d.ts': 400 };
  const list = { 'shop/b.ts': ' ', 'shop/c.ts': 'it is large', 'shop/d.ts': 'it was large', 'shop/e.ts': 'it is gone' };
  expect(size(repository(lines, list)).map(inOneLine)).toEqual([
    'shop/a.ts:401  size  401 lines, more than 400 (split it by concept, or give the reason in tools/checks/large-files.json)',
    'shop/b.ts:402  size  402 lines, more than 400 (split it by concept, or give the reason in tools/checks/large-files.json)',
    'shop/c.ts:701  size  701 lines, no file may have more than 700 (split it by concept)',
    'tools/checks/large-files.json:4  size  shop/d.ts is no longer a file of more than 400 lines (remove it from the list)',
    'tools/checks/large-files.json:5  size  shop/e.ts is no longer a file of more than 400 lines (remove it from the list)',
  ]);
});
