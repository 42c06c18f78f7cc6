import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { defects } from './defects.ts';

const SOURCES = join(import.meta.dirname, '../../../../packages/ramet/src');

test.each(Object.keys(defects))('the code that the planted defect %s changes stands once where it is looked for', (name) => {
  for (const { file, from } of defects[name]?.changes ?? [])
    expect(readFileSync(join(SOURCES, file), 'utf8').split(from), from).toHaveLength(2);
});
