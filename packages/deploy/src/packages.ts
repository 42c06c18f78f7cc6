import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, sep } from 'node:path';

/** What of a package.json matters here. */
export interface Manifest {
  readonly name?: string;
  readonly version?: string;
  readonly type?: string;
  readonly exports?: unknown;
  readonly imports?: unknown;
  readonly main?: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
}

/** A package, where it lies. */
export interface Package {
  readonly folder: string;
  readonly name: string;
  readonly version: string;
  /** The packages that are installed with it. */
  readonly brings: ReadonlySet<string>;
}

/** Looks upwards from a file. @returns the folder and the content of the nearest package.json; an empty one where there is none */
export function manifestAround(path: string): { readonly folder: string; readonly manifest: Manifest } {
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    const file = join(folder, 'package.json');
    if (existsSync(file)) return { folder, manifest: JSON.parse(readFileSync(file, 'utf8')) as Manifest };
    if (folder === dirname(folder)) return { folder: dirname(path), manifest: {} };
  }
}

/** The package that a file outside the project belongs to: below the last node_modules of its path, or one that is linked. */
export function packageAround(path: string): Package | undefined {
  const marker = `${sep}node_modules${sep}`;
  const at = path.lastIndexOf(marker);
  let folder: string;
  if (at >= 0) {
    const [first = '', second = ''] = path.slice(at + marker.length).split(sep);
    folder = path.slice(0, at + marker.length) + (first.startsWith('@') ? join(first, second) : first);
  } else ({ folder } = manifestAround(path));
  return packageOf(manifestAround(join(folder, 'package.json')));
}

/** A package by its package.json; undefined for one that names none, and only says how files are read. */
export function packageOf({ folder, manifest }: ReturnType<typeof manifestAround>): Package | undefined {
  if (manifest.name === undefined) return undefined;
  const { dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
  const brings = new Set([...Object.keys(dependencies), ...Object.keys(optionalDependencies), ...peers]);
  return { folder, name: manifest.name, version: manifest.version ?? '0.0.0', brings };
}

/** The folder of the project: where its lock file is, or else its nearest package.json. */
export function rootOf(file: string): string {
  const locks = ['package-lock.json', 'pnpm-lock.yaml', 'yarn.lock', 'bun.lock'];
  for (let folder = dirname(file); folder !== dirname(folder); folder = dirname(folder))
    if (locks.some((lock) => existsSync(join(folder, lock)))) return folder;
  return manifestAround(file).folder;
}
