import { imports, packages, resolver, sourceExports, strings } from './imports.ts';
import { type Check, folderOf, isCode, isTest, normal, type SourceFile } from './source.ts';

/**
 * Every file of the packages, of the shop and of the tools is reached from an entry: what a package exports or installs, a
 * script, a test, a migration, the main.ts of a process. A path in a string counts as an import (`new URL('./worker.ts', import.meta.url)`).
 */
export const deadFiles: Check = (files) => {
  const code = new Map(files.filter((file) => isCode(file.path)).map((file) => [file.path, file]));
  const references = referencesBetween(files, code);
  const entries = [...entriesOf(files), ...[...code.keys()].filter(isEntryByName)].filter((path) => code.has(path));
  const alive = reachable(entries, references);
  const aliveWithoutOwnTest = (path: string) =>
    reachable(
      entries.filter((entry) => entry !== ownTest(path)),
      references,
    ).has(path);
  return [...code.keys()].filter(isOurs).flatMap((path) => {
    const finding = { path, line: 1, rule: 'dead-files' };
    if (!alive.has(path))
      return { ...finding, message: 'no file imports this file', instead: 'delete it, or import it where it was meant to be used' };
    if (isTest(path) || aliveWithoutOwnTest(path)) return [];
    return {
      ...finding,
      message: 'only its own test imports this file',
      instead: 'delete both, or import it where it was meant to be used',
    };
  });
};

/** Scripts are run from the folder of their package or of the repository; so is a child process that a string names. */
function referencesBetween(files: readonly SourceFile[], code: ReadonlyMap<string, SourceFile>): Map<string, string[]> {
  const resolve = resolver(files);
  const references = new Map<string, string[]>();
  for (const file of code.values()) {
    const imported = imports(file).map(({ specifier }) => resolve(file.path, specifier));
    const named = strings(file)
      .filter((text) => /\.[cm]?[jt]s$/.test(text))
      .flatMap((text) => [normal(`${folderOf(file.path)}/${text}`), normal(text)]);
    references.set(
      file.path,
      [...imported, ...named].filter((path) => path !== undefined),
    );
  }
  return references;
}

function entriesOf(files: readonly SourceFile[]): string[] {
  return packages(files).flatMap(({ folder, manifest }) => {
    const bins = typeof manifest.bin === 'string' ? [manifest.bin] : Object.values(manifest.bin ?? {});
    const scripts = Object.values(manifest.scripts ?? {}).flatMap((script) => script.match(/[\w./-]+\.[cm]?[jt]s\b/g) ?? []);
    return [...Object.values(sourceExports(manifest)), ...bins, ...scripts].map((path) => normal(`${folder}/${path}`) ?? '');
  });
}

function isEntryByName(path: string): boolean {
  return (
    !isOurs(path) ||
    (isTest(path) && !/(^|\/)conformance\.ts$/.test(path)) ||
    /(^|\/)migrations\//.test(path) ||
    /(^|[./])migrations\.ts$/.test(path) ||
    /(^|\/)main\.ts$/.test(path)
  );
}

function isOurs(path: string): boolean {
  return /^(packages\/[^/]+\/src|shop|tools)\//.test(path);
}

function ownTest(path: string): string {
  return path.replace(/\.ts$/, '.test.ts');
}

function reachable(entries: readonly string[], references: ReadonlyMap<string, readonly string[]>): Set<string> {
  const seen = new Set<string>();
  const queue = [...entries];
  for (const path of queue) {
    if (seen.has(path)) continue;
    seen.add(path);
    queue.push(...(references.get(path) ?? []));
  }
  return seen;
}
