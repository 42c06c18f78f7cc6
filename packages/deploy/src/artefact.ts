import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, posix, relative, resolve } from 'node:path';
import type { ContractShape } from 'ramet';
import type { Graph } from 'ramet/runtime';
import { type Lock, type Manifests, pruneLock } from './lock.ts';
import { DeployError } from './problems.ts';
import type { Scope, Trace } from './trace.ts';

export interface ArtefactOptions {
  readonly trace: Trace;
  readonly profile: string;
  /** The process of the profile; absent if the profile is one process. */
  readonly process?: string;
  /** Which service may call which, in the whole topology. */
  readonly graph: Graph;
  /** What the services promise. `contracts.json` has those that it hosts, so the next version can be compared with them. */
  readonly contracts: Readonly<Record<string, ContractShape>>;
  /** What logs and metrics call this build. */
  readonly version: string;
  /** A folder that is empty, not there, or an earlier artefact, which is replaced. */
  readonly out: string;
}

/** What an artefact says of itself, in `artefact.json`. */
export interface ArtefactInfo {
  readonly profile: string;
  readonly process: string | undefined;
  readonly version: string;
  readonly hosts: readonly string[];
  /** The command that starts it, in its folder. */
  readonly start: readonly string[];
}

const INFO = 'artefact.json';

/**
 * Writes a folder that holds one process and nothing else: the files that it loads, where they lie in the project; a
 * package.json with the packages that these import, at the versions they were traced with, and a lock file where the project
 * has one of npm; the declared graph; and a module that starts it. `npm ci` in it gets the packages.
 * @throws DeployError when `out` holds something else
 */
export function writeArtefact({ trace, profile, process, graph, contracts, version, out: given }: ArtefactOptions): ArtefactInfo {
  const out = resolve(given);
  makeRoom(out, trace.root);
  for (const file of trace.files) {
    mkdirSync(dirname(join(out, file)), { recursive: true });
    cpSync(join(trace.root, file), join(out, file));
  }
  const main = mainOf(trace);
  const hosts = Object.keys(trace.externals).sort();
  const start = ['node', ...trace.conditions.flatMap((condition) => ['-C', condition]), main];
  const info: ArtefactInfo = { profile, process, version, hosts, start };
  writeFileSync(join(out, main), mainText({ trace, profile, ...(process === undefined ? {} : { process }), version, main }));
  json(join(out, INFO), info);
  json(join(out, 'graph.json'), graph);
  json(join(out, 'contracts.json'), Object.fromEntries(Object.entries(contracts).filter(([service]) => hosts.includes(service))));

  const scopes = manifestsOf(trace, { name: process ?? profile, version, start: start.join(' ') });
  for (const [folder, manifest] of scopes) json(join(out, folder, 'package.json'), manifest);
  const lock = join(trace.root, 'package-lock.json');
  if (existsSync(lock)) json(join(out, 'package-lock.json'), pruneLock(JSON.parse(readFileSync(lock, 'utf8')) as Lock, lockedOf(scopes)));
  return info;
}

/**
 * Lets an artefact run where it was built, without an installation: its packages are those of the project, by links. What the
 * project keeps in folders of its own (workspaces) is the artefact's.
 */
export function linkPackages(trace: Trace, out: string): void {
  for (const { folder, name } of trace.packages) {
    const inside = relative(trace.root, folder);
    const scope = trace.scopes.find((known) => known.folder === inside);
    const link = inside.includes('node_modules') && !inside.startsWith('..') ? join(out, inside) : join(out, 'node_modules', name);
    mkdirSync(dirname(link), { recursive: true });
    rmSync(link, { recursive: true, force: true });
    symlinkSync(scope ? join(resolve(out), inside) : folder, link, 'dir');
  }
}

function makeRoom(out: string, root: string): void {
  if (existsSync(out) && !existsSync(join(out, INFO)) && readdirSync(out).length > 0)
    throw new DeployError([`${out} holds something that is not an artefact; name another folder, or empty it`]);
  if (`${root}/`.startsWith(`${out}/`)) throw new DeployError([`${out} is the project itself; name another folder`]);
  rmSync(out, { recursive: true, force: true });
  mkdirSync(out, { recursive: true });
}

/** Beside the topology: there `ramet` is found as it was when the topology was traced. */
export const mainOf = ({ topology }: Trace): string => posix.join(posix.dirname(topology), 'ramet.main.mjs');

function mainText({
  trace,
  profile,
  process,
  version,
  main,
}: Pick<ArtefactOptions, 'trace' | 'profile' | 'process' | 'version'> & { main: string }): string {
  const graph = posix.relative(posix.dirname(main), 'graph.json');
  const given = [
    `profile: ${quoted(profile)}`,
    ...(process === undefined ? [] : [`process: ${quoted(process)}`]),
    `version: ${quoted(version)}`,
    `gateways: [${trace.gateways.map(quoted).join(', ')}]`,
    `graph: new URL(${quoted(graph.startsWith('.') ? graph : `./${graph}`)}, import.meta.url)`,
  ];
  return `// Written by 'ramet build'.
import { serve } from 'ramet/serve';
import topology from './${posix.basename(trace.topology)}';

await serve(topology, {
${given.map((line) => `  ${line},\n`).join('')}});
`;
}

const quoted = (text: string): string => `'${text.replaceAll(/['\\]/g, '\\$&')}'`;

interface OwnManifest {
  readonly name?: string;
  readonly version?: string;
  readonly private: true;
  readonly type?: string;
  readonly imports?: unknown;
  readonly exports?: unknown;
  readonly main?: string;
  readonly engines?: Readonly<Record<string, string>>;
  readonly scripts?: Readonly<Record<string, string>>;
  readonly workspaces?: readonly string[];
  readonly dependencies: Readonly<Record<string, string>>;
}

/** The package.json of each folder that has one, with the packages that its files import and no others. */
function manifestsOf(trace: Trace, root: { name: string; version: string; start: string }): Map<string, OwnManifest> {
  const packages = trace.scopes.filter((scope) => scope.folder !== '' && scope.manifest.name !== undefined);
  // A folder whose package.json names no package only says how its files are read; what they import is the root's.
  const ofRoot = trace.scopes.filter((scope) => !packages.includes(scope)).map(({ dependencies }) => dependencies);
  const known = trace.scopes.find(({ folder }) => folder === '')?.manifest ?? {};
  const manifests = new Map<string, OwnManifest>();
  const { engines = { node: '>=24' } } = known;
  manifests.set('', {
    name: root.name,
    version: root.version,
    private: true,
    type: known.type ?? 'commonjs',
    ...(known.imports === undefined ? {} : { imports: known.imports }),
    engines,
    scripts: { start: root.start },
    ...(packages.length === 0 ? {} : { workspaces: packages.map(({ folder }) => folder) }),
    dependencies: sorted(Object.assign({}, ...ofRoot) as Record<string, string>),
  });
  for (const scope of trace.scopes) if (scope.folder !== '') manifests.set(scope.folder, trimmed(scope, packages.includes(scope)));
  return manifests;
}

function trimmed({ manifest, dependencies }: Scope, isPackage: boolean): OwnManifest {
  const { name, version, type, imports, exports, main } = manifest;
  const kept = Object.fromEntries(
    Object.entries({ name, version, type, imports, exports, main }).filter(([, value]) => value !== undefined),
  );
  return { ...kept, private: true, dependencies: isPackage ? dependencies : {} };
}

const sorted = (dependencies: Record<string, string>): Record<string, string> =>
  Object.fromEntries(Object.entries(dependencies).sort(([a], [b]) => (a < b ? -1 : 1)));

/** What a lock file repeats of the manifests. */
const lockedOf = (manifests: Map<string, OwnManifest>): Manifests =>
  new Map(
    [...manifests]
      .filter(([folder, { name }]) => folder === '' || name !== undefined)
      .map(([folder, { name, version, workspaces, engines, dependencies }]) => [
        folder,
        {
          ...(name === undefined ? {} : { name }),
          ...(version === undefined ? {} : { version }),
          ...(workspaces ? { workspaces } : {}),
          ...(engines ? { engines } : {}),
          dependencies,
        },
      ]),
  );

const json = (path: string, value: unknown): void => writeFileSync(path, `${JSON.stringify(value, undefined, 2)}\n`);
