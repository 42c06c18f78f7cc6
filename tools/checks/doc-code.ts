import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../run.ts';
import { codeBlocks } from './markdown.ts';
import { type Finding, isTest, normal, type SourceFile } from './source.ts';

/** A block as a file that the compiler sees, in the folder of its document. */
export interface Snippet {
  /** `docs/guide.md/shop/contract.ts`: each document is a folder, so that its blocks can import each other. */
  readonly path: string;
  readonly document: string;
  /** The document's line before the snippet's first. */
  readonly lineOffset: number;
  readonly text: string;
}

/** The TypeScript blocks of README.md, docs/ and the doc comments of packages, and what is wrong before any compiler looks at them. */
export function snippets(files: readonly SourceFile[]): { snippets: Snippet[]; findings: Finding[] } {
  const found = new Map<string, Snippet>();
  const findings: Finding[] = [];
  for (const { path: document, text } of files) {
    for (const block of codeBlocks(readable(document, text))) {
      if (!/^(ts|typescript)$/.test(block.language)) continue;
      if (block.before?.startsWith('not compiled:') && block.before !== 'not compiled:') continue;
      const path = normal(`${document}/${block.file ?? `line-${block.line}.ts`}`);
      const finding = { path: document, line: block.line, rule: 'doc-code' };
      if (!path?.startsWith(`${document}/`)) {
        findings.push({ ...finding, message: `${block.file} is outside the document's folder`, instead: 'write a path without ..' });
      } else if (found.has(path)) {
        findings.push({
          ...finding,
          message: `${block.file} is written twice in this document`,
          instead: 'give each block a file of its own',
        });
      } else {
        found.set(path, { path, document, lineOffset: block.line - 1, text: block.text });
      }
    }
  }
  return { snippets: [...found.values()], findings };
}

/** The document; of a source file, its doc comments without their marks, at the same lines; of any other file, nothing. */
function readable(path: string, text: string): string {
  if (path === 'README.md' || /^docs\/.*\.md$/.test(path)) return text;
  if (!/^packages\/[^/]+\/src\/.*\.ts$/.test(path) || isTest(path) || !text.includes(' * ```ts')) return '';
  return text.replaceAll(
    /^([ \t]*\/\*\*[\s\S]*?\*\/)|^.*$/gm,
    (_, comment?: string) => comment?.replaceAll(/^[ \t]*(?:\/\*\*|\*\/|\*) ?/gm, '') ?? '',
  );
}

const FIX = 'correct the block, or put <!-- not compiled: reason --> right before it';

/**
 * Compiles every TypeScript block of the documents and of doc comments as a user's file would be.
 * @param folder is emptied and then holds the snippets; inside `root`, so that packages resolve as for its own files
 */
export async function docCode(files: readonly SourceFile[], root: string, folder: string): Promise<Finding[]> {
  const { snippets: all, findings } = snippets(files);
  if (all.length === 0) return findings;
  rmSync(folder, { recursive: true, force: true });
  for (const { path, text } of all) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  const config = {
    extends: join(root, 'tsconfig.json'),
    // A snippet shows a thing and need not use it.
    compilerOptions: { noUnusedLocals: false, noUnusedParameters: false },
    files: all.map(({ path }) => path),
    include: [],
    exclude: [],
  };
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify(config));

  const { output, ok } = await run('tsc', ['-p', folder, '--pretty', 'false'], { root, cwd: folder });
  const mapped = [...output.matchAll(/^([^\s(][^(\n]*)\((\d+),\d+\): error (TS\d+: .*)$/gm)].map((match) => {
    const [, path = '', line = '', message = ''] = match;
    const snippet = all.find((candidate) => candidate.path === path);
    const at = snippet ? { path: snippet.document, line: snippet.lineOffset + Number(line) } : { path, line: Number(line) };
    return { ...at, rule: 'doc-code', message, instead: FIX };
  });
  if (!ok && mapped.length === 0) mapped.push({ path: 'README.md', line: 1, rule: 'doc-code', message: output.trim(), instead: FIX });
  return [...findings, ...mapped];
}
