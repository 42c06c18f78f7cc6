import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { PAGE, renewed, tables } from './engines-doc.ts';

test('docs/engines.md says of each adapter what its capability object says', () => {
  const page = readFileSync(PAGE, 'utf8');
  // `npm run docs:engines` writes the tables.
  expect(page).toBe(renewed(page));
  expect(tables()).toContain('| acknowledged data survives the loss of power | yes | yes | yes |');
});

test('a page without a place for the tables is refused', () => {
  expect(() => renewed('# Engines')).toThrow(/has no place for its tables/);
});
