import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Manifest, manifestAround, type Package, packageAround, packageOf, rootOf } from './packages.ts';
import { DeployError } from './problems.ts';
import { conditionsOf, type Loaded, RECORDER, record, type TopologyFile } from './recorder.ts';

/** What is to be found out, and about which process. */
export interface TraceOptions extends TopologyFile {
  readonly profile: string;
  /** The process of the profile; absent if the profile is one process. */
  readonly process?: string;
}

/** A folder with a package.json of the project's own, and the packages that its files import. */
export interface Scope {
  /** Relative to the root; empty for the root itself. */
  readonly folder: string;
  readonly manifest: Manifest;
  readonly dependencies: Readonly<Record<string, string>>;
}

/** All that one process loads. Paths are relative to `root`, with slashes, and sorted. */
export interface Trace {
  readonly root: string;
  readonly topology: string;
  readonly conditions: readonly string[];
  /** Files of the project: modules, and what they name by URL. */
  readonly files: readonly string[];
  readonly scopes: readonly Scope[];
  /** The packages of others that the project's files import, where they lie now. */
  readonly packages: readonly Package[];
  /** The module of each hosted service and gateway that has one of its own. */
  readonly parts: Readonly<Record<string, string>>;
  readonly gateways: readonly string[];
  /** The URLs of the external systems that each hosted part declares; empty where it connects in its own way. */
  readonly externals: Readonly<Record<string, readonly string[]>>;
  readonly warnings: readonly string[];
}

/** A path that a module names beside itself: its migrations, a built web site, a file that it reads. */
const NAMED = /^(?!\s*(?:\*|\/\/|\/\*)).*?new URL\(\s*(['"])(\.[^'"]*)\1\s*,\s*import\.meta\.url\s*\)/gm;
const IS_MODULE = /\.[cm]?[jt]s$/;

/**
 * Finds out what one process of a topology loads, by loading it in a process of its own: the topology and what it imports
 * statically, the profile, and the services and gateways that the process hosts. Nothing is started.
 * @throws DeployError when that cannot be loaded, or lies where an artefact cannot take it from
 */
export async function traceProcess(options: TraceOptions): Promise<Trace> {
  const { loaded } = await record(options, { profile: options.profile, process: options.process, overview: false });
  const file = resolve(options.topologyFile);
  return traceOf(rootOf(file), file, options.conditions ?? conditionsOf(process.execArgv), loaded as Loaded);
}

function traceOf(root: string, topology: string, conditions: readonly string[], loaded: Loaded): Trace {
  const short = (path: string) => relative(root, path).split(sep).join('/');
  const modules = loaded.imports
    .filter(([url]) => url.startsWith('file:'))
    .map(([url, parents]): Module => ({ path: fileURLToPath(url), parents }));
  const { files, warnings } = filesOf(
    root,
    modules,
    loaded.folders.map((url) => fileURLToPath(url)),
    short,
  );
  const { needs, packages } = needsOf(root, modules, topology);
  for (const path of files)
    if (IS_MODULE.test(path)) needs.set(manifestAround(path).folder, needs.get(manifestAround(path).folder) ?? new Map());
  const scopes = [...needs].map(
    ([folder, versions]): Scope => ({
      folder: short(folder),
      manifest: manifestAround(join(folder, 'package.json')).manifest,
      dependencies: Object.fromEntries([...versions].sort(([a], [b]) => (a < b ? -1 : 1))),
    }),
  );
  return {
    root,
    topology: short(topology),
    conditions,
    files: [...files].map(short).sort(),
    scopes: scopes.sort((a, b) => (a.folder < b.folder ? -1 : 1)),
    packages: [...packages.values()].sort((a, b) => (a.folder < b.folder ? -1 : 1)),
    parts: Object.fromEntries(Object.entries(loaded.parts).map(([part, url]) => [part, short(fileURLToPath(url))])),
    gateways: loaded.gateways,
    externals: loaded.externals,
    warnings: [...loaded.warnings, ...warnings],
  };
}

interface Module {
  readonly path: string;
  /** The URLs of the modules that import it. */
  readonly parents: readonly string[];
}

const inProject = (root: string, path: string): boolean => path.startsWith(root + sep) && !path.includes(`${sep}node_modules${sep}`);

/** The files of the project that were loaded, and what these name. @throws DeployError when something is missing, or lies elsewhere */
function filesOf(root: string, modules: readonly Module[], folders: readonly string[], short: (path: string) => string) {
  const problems: string[] = [];
  const warnings: string[] = [];
  const own = modules.map(({ path }) => path).filter((path) => inProject(root, path));
  const files = new Set(own);
  const take = (path: string): boolean => {
    if (!existsSync(path)) return false;
    if (inProject(root, path)) for (const found of filesBelow(path)) files.add(found);
    else problems.push(`${path} is named by a file of the project, and not in it (${root}): an artefact cannot take it along`);
    return true;
  };
  for (const folder of folders)
    if (!take(folder)) problems.push(`${short(folder)} is served or read at the start, and is not there: build it first`);
  for (const path of own) {
    for (const [, , named = ''] of readFileSync(path, 'utf8').matchAll(NAMED)) {
      const target = resolve(dirname(path), named);
      if (take(target) && IS_MODULE.test(target))
        warnings.push(`${short(path)} starts ${short(target)} by its URL: what that imports besides is not in the artefact`);
    }
  }
  if (problems.length > 0) throw new DeployError(problems);
  return { files, warnings };
}

/** The packages that each package of the project imports, with their versions. */
function needsOf(root: string, modules: readonly Module[], topology: string) {
  const needs = new Map<string, Map<string, string>>();
  const packages = new Map<string, Package>();
  const home = manifestAround(topology).folder;
  const need = (scope: string, target: Package) => {
    const known = needs.get(scope) ?? new Map<string, string>();
    needs.set(scope, known.set(target.name, target.version));
    packages.set(target.folder, target);
  };
  /** What packages import that is not among their dependencies: optional peers, mostly. */
  const beside: Package[] = [];
  for (const { path, parents } of modules) {
    const target = inProject(root, path) ? packageOf(manifestAround(path)) : packageAround(path);
    if (!target) continue;
    for (const url of parents) {
      if (!url.startsWith('file:') || url === RECORDER.href) continue;
      const parent = fileURLToPath(url);
      if (inProject(root, parent)) {
        const scope = manifestAround(parent).folder;
        if (scope !== target.folder) need(scope, target);
        continue;
      }
      const importer = packageAround(parent);
      if (importer && importer.name !== target.name && !importer.brings.has(target.name)) beside.push(target);
    }
  }
  const brings = new Map<string, ReadonlySet<string>>();
  for (const { path } of modules) {
    const loaded = inProject(root, path) ? undefined : packageAround(path);
    if (loaded) brings.set(loaded.name, loaded.brings);
  }
  const installed = new Set<string>();
  const install = (names: Iterable<string>): void => {
    for (const name of names) {
      if (installed.has(name)) continue;
      installed.add(name);
      install(brings.get(name) ?? []);
    }
  };
  for (const known of needs.values()) install(known.keys());
  // An installation has what another package brings, if that one is not itself there only because of this one (pg-pool has pg as its peer).
  for (const target of beside) {
    if (installed.has(target.name)) continue;
    need(home, target);
    install([target.name]);
  }
  return { needs, packages };
}

function filesBelow(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name));
}
