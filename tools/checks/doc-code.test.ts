import { join } from 'node:path';
import { expect, test } from 'vitest';
import { docCode } from './doc-code.ts';
import { fixture } from './fixture.ts';
import { inOneLine } from './source.ts';

const ROOT = join(import.meta.dirname, '../..');

async function found(kind: 'right' | 'wrong'): Promise<string[]> {
  const findings = await docCode(fixture('doc-code', kind), ROOT, join(ROOT, 'node_modules/.cache/ramet-docs-test', kind));
  return findings.map(inOneLine);
}

test('finds nothing where every block compiles, or says why it does not', async () => {
  expect(await found('right')).toEqual([]);
});

test('names the document’s own lines that do not compile', async () => {
  const fix = '(correct the block, or put <!-- not compiled: reason --> right before it)';
  expect((await found('wrong')).sort()).toEqual([
    `README.md:12  doc-code  TS2339: Property 'now' does not exist on type 'Clock'. ${fix}`,
    `README.md:13  doc-code  TS2322: Type 'number' is not assignable to type 'string'. ${fix}`,
    `README.md:18  doc-code  TS2322: Type 'string' is not assignable to type 'number'. ${fix}`,
    'README.md:22  doc-code  orders/contract.ts is written twice in this document (give each block a file of its own)',
    "README.md:27  doc-code  ../outside.ts is outside the document's folder (write a path without ..)",
    `README.md:5  doc-code  TS2322: Type 'number' is not assignable to type 'string'. ${fix}`,
    `docs/guide.md:2  doc-code  TS2307: Cannot find module './orders/contract.ts' or its corresponding type declarations. ${fix}`,
    `packages/ramet/src/double.ts:5  doc-code  TS2322: Type 'number' is not assignable to type 'string'. ${fix}`,
  ]);
});
