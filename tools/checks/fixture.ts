import { join } from 'node:path';
import { readFiles } from './files.ts';
import { type Check, inOneLine, type SourceFile } from './source.ts';

const FIXTURES = join(import.meta.dirname, '../fixtures');

/** A small repository in `tools/fixtures`: `right`, or wrong on purpose. */
export function fixture(check: string, kind: 'right' | 'wrong'): SourceFile[] {
  return readFiles(join(FIXTURES, check, kind));
}

/** What a check finds in it, as people read it. */
export function found(check: Check, name: string, kind: 'right' | 'wrong'): string[] {
  return check(fixture(name, kind)).map(inOneLine);
}
