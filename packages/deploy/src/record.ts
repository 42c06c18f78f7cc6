import { readFileSync } from 'node:fs';
import { enableCompileCache, registerHooks } from 'node:module';
import { fileURLToPath } from 'node:url';
import type { AnyContract, ContractShape } from 'ramet';
import type { Graph, Load, Profile, Topology } from 'ramet/runtime';
import type { Recorded, RecordRequest } from './recorder.ts';

/*
 * The child process of `traceProcess`: loads what one process of a topology loads, and reports the modules that Node resolved for it.
 * It imports nothing of the framework itself, because what was loaded before the recording began would not be seen.
 */
const FROM = 'ramet-from:';
/** Resolves a specifier as the module at `parent` would. */
const from = (parent: string, specifier: string): string => `${FROM}${parent}|${specifier}`;

// A topology has many processes, and each trace loads the framework again.
enableCompileCache();

const request = JSON.parse(process.argv[2] ?? '') as RecordRequest;
const imports = new Map<string, Set<string>>();

registerHooks({
  resolve(specifier, context, next) {
    let name = specifier;
    let parent = context.parentURL ?? '';
    if (specifier.startsWith(FROM)) [parent = '', name = ''] = specifier.slice(FROM.length).split('|');
    const resolved = next(name, { ...context, parentURL: parent });
    const known = imports.get(resolved.url) ?? new Set();
    imports.set(resolved.url, known.add(parent));
    return resolved;
  },
});

async function record(): Promise<Recorded> {
  const { default: topology } = (await import(request.topology)) as { default?: Topology };
  if (!topology?.services) throw new Error('it exports no topology as its default: name the file that does with --topology');
  if (request.overview) return overviewOf(topology);
  await import(from(request.topology, 'ramet/serve'));
  const named = topology.profiles[request.profile ?? ''];
  const profile = (typeof named === 'function' ? await named() : named) as Profile;
  const lazyOnPurpose = new Set([...imports.keys()].filter((url) => ownedByTopology(url)));
  const parts: Record<string, string> = {};
  const gateways: string[] = [];
  const folders: string[] = [];
  const externals: Record<string, string[]> = {};
  for (const [kind, loads] of Object.entries({ services: topology.services, gateways: topology.gateways })) {
    for (const [part, load] of Object.entries(loads as Record<string, Load<Definition>>)) {
      if (!hosted(profile, part)) continue;
      const before = new Set(imports.keys());
      const { default: definition } = await load();
      const first = [...imports.keys()].find((url) => !before.has(url) && imports.get(url)?.has(request.topology));
      if (first !== undefined) parts[part] = first;
      if (kind === 'gateways') gateways.push(part);
      folders.push(...foldersOf(definition));
      externals[part] = externalsOf(kind, definition);
    }
  }
  const warnings = await followLazyImports(lazyOnPurpose);
  const loaded = [...imports].map(([url, parents]): [string, string[]] => [url, [...parents]]);
  return { loaded: { imports: loaded, parts, gateways: gateways.sort(), folders, externals, warnings } };
}

async function overviewOf(topology: Topology): Promise<Recorded> {
  const { declaredGraph } = (await import(from(request.topology, 'ramet/runtime'))) as { declaredGraph: (t: Topology) => Promise<Graph> };
  const graph = await declaredGraph(topology);
  const { shapeOf } = (await import(from(request.topology, 'ramet'))) as { shapeOf: (contract: AnyContract) => ContractShape };
  const contracts: Record<string, ContractShape> = {};
  for (const [name, load] of Object.entries(topology.services).sort(([a], [b]) => (a < b ? -1 : 1)))
    contracts[name] = shapeOf((await load()).default.contract);
  const named = request.profile === undefined ? undefined : topology.profiles[request.profile];
  const profile = typeof named === 'function' ? await named() : named;
  return {
    overview: {
      graph,
      contracts,
      services: Object.keys(topology.services).sort(),
      gateways: Object.keys(topology.gateways).sort(),
      profiles: Object.keys(topology.profiles),
      processes: profile?.processes,
      admin: profile?.admin,
    },
  };
}

const hosted = ({ processes }: Profile, part: string): boolean =>
  processes === undefined || (request.process !== undefined && processes[request.process]?.includes(part) === true);

/** What a topology consists of says lazily what another process may load: nothing of that is this one's. */
const ownedByTopology = (url: string): boolean => url.startsWith(request.scope) && !url.includes('/node_modules/');

/** An import that is called, not one that names a type. */
const LAZY = /(?<=\b(?:await|return)\s+|=>?\s*|[([,]\s*)import\(\s*(['"])([^'"\n]+)\1\s*\)/g;

/** The framework as a project installs it: an adapter may import its client library when it is first used. */
const framework = /\/node_modules\/ramet\/(?!.*\/node_modules\/)/;

/** Follows lazy imports of handlers, which are not loaded now but belong to the artefact. @returns what cannot be loaded */
async function followLazyImports(lazyOnPurpose: ReadonlySet<string>): Promise<string[]> {
  const missing: string[] = [];
  const read = new Set(lazyOnPurpose);
  for (let before = -1; before !== read.size; ) {
    before = read.size;
    for (const url of [...imports.keys()]) {
      if (read.has(url) || !url.startsWith('file:') || (url.includes('/node_modules/') && !framework.test(url))) continue;
      read.add(url);
      for (const [, , specifier = ''] of readFileSync(fileURLToPath(url), 'utf8').matchAll(LAZY)) {
        await import(from(url, specifier)).catch((error: Error) => {
          // Where the framework cannot load one, it says so when it is needed.
          if (framework.test(url)) return;
          missing.push(`${fileURLToPath(url)} imports '${specifier}' when it needs it, and here it cannot be loaded: ${error.message}`);
        });
      }
    }
  }
  return missing;
}

interface Definition {
  readonly store?: { readonly migrations?: unknown };
  readonly uses?: Readonly<Record<string, Use>>;
  readonly sagas?: readonly { readonly uses: Readonly<Record<string, Use>> }[];
  readonly routes?: readonly { readonly kind: string; readonly folder?: URL; readonly uses?: Readonly<Record<string, Use>> }[];
}
type Use = { readonly external?: string; readonly url?: string };

function foldersOf({ store, routes = [] }: Definition): string[] {
  const folders = [store?.migrations, ...routes.map(({ folder }) => folder)];
  return folders.flatMap((folder) => (folder instanceof URL ? [folder.href] : []));
}

function externalsOf(kind: string, { uses = {}, sagas = [], routes = [] }: Definition): string[] {
  const all = kind === 'services' ? [uses, ...sagas.map((saga) => saga.uses)] : routes.map((route) => route.uses ?? {});
  return all.flatMap((declared) => Object.values(declared).flatMap(({ external, url }) => (external === undefined ? [] : [url ?? ''])));
}

process.send?.(
  await record().catch((error: unknown): Recorded => ({ problem: error instanceof Error ? error.message : String(error) })),
  () => process.disconnect(),
);
