import { folderOf, layers, lineAt, normal, type SourceFile } from './source.ts';

export interface Import {
  readonly specifier: string;
  readonly line: number;
  /** Nothing of it is left at run time. */
  readonly typeOnly: boolean;
}

const STATIC = /(?<![.\w$])(?:import|export)(\s+type\b)?\s*([\w$\s*{},]*?)\s*\bfrom\s*(["'])/g;
const SIDE_EFFECT = /(?<![.\w$])import\s*(["'])/g;
const CALL = /(?<![.\w$])(?:import|require)\s*\(\s*(["'])/g;

/** All that a file imports or re-exports: statically, as a type, lazily. */
export function imports(file: SourceFile): Import[] {
  const { code } = layers(file);
  const found: { offset: number; typeOnly: boolean }[] = [];
  for (const match of code.matchAll(STATIC)) {
    const names =
      /^\{([^}]*)\}$/
        .exec(match[2] ?? '')?.[1]
        ?.split(',')
        .filter((name) => name.trim() !== '') ?? [];
    const typeOnly = match[1] !== undefined || (names.length > 0 && names.every((name) => /^\s*type\s/.test(name)));
    found.push({ offset: match.index + match[0].length, typeOnly });
  }
  for (const match of code.matchAll(SIDE_EFFECT)) found.push({ offset: match.index + match[0].length, typeOnly: false });
  for (const match of code.matchAll(CALL)) found.push({ offset: match.index + match[0].length, typeOnly: false });
  return found
    .sort((a, b) => a.offset - b.offset)
    .map(({ offset, typeOnly }) => ({ specifier: stringAt(file, offset), line: lineAt(file.text, offset), typeOnly }));
}

/** The contents of all string literals without placeholders. */
export function strings(file: SourceFile): string[] {
  const { code } = layers(file);
  return [...code.matchAll(/(["'`])\s*?\1/g)].map((match) => file.text.slice(match.index + 1, match.index + match[0].length - 1));
}

function stringAt(file: SourceFile, offset: number): string {
  const quote = file.text[offset - 1] as string;
  return file.text.slice(offset, layers(file).code.indexOf(quote, offset));
}

/** Says which file of the repository an import means, or undefined for packages that are not ours. */
export type Resolve = (from: string, specifier: string) => string | undefined;

export function resolver(files: readonly SourceFile[]): Resolve {
  const exported = new Map<string, string>();
  for (const { folder, manifest } of packages(files)) {
    for (const [subpath, target] of Object.entries(sourceExports(manifest))) {
      const path = normal(`${folder}/${target}`);
      if (path !== undefined) exported.set(`${manifest.name}${subpath.slice(1)}`, path);
    }
  }
  return (from, specifier) => {
    if (!specifier.startsWith('.')) return exported.get(specifier);
    return normal(`${folderOf(from)}/${specifier}`);
  };
}

export interface Manifest {
  readonly name?: string;
  readonly bin?: string | Record<string, string>;
  readonly scripts?: Record<string, string>;
  readonly exports?: Record<string, string | Record<string, string>>;
}

export function packages(files: readonly SourceFile[]): { folder: string; manifest: Manifest }[] {
  return files
    .filter((file) => file.path === 'package.json' || file.path.endsWith('/package.json'))
    .map((file) => ({ folder: folderOf(file.path), manifest: JSON.parse(file.text) as Manifest }));
}

/** A package's subpaths and the source file behind each. */
export function sourceExports(manifest: Manifest): Record<string, string> {
  const found: Record<string, string> = {};
  for (const [subpath, target] of Object.entries(manifest.exports ?? {})) {
    const path = typeof target === 'string' ? target : target['ramet-source'];
    if (path !== undefined) found[subpath] = path;
  }
  return found;
}
