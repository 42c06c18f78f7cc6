/** The part of a package-lock.json (version 2 or 3) that matters here. */
export interface Lock {
  readonly name?: string;
  readonly version?: string;
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, LockEntry>>;
}

interface LockEntry {
  readonly name?: string;
  readonly version?: string;
  readonly resolved?: string;
  readonly link?: boolean;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
  readonly peerDependenciesMeta?: Readonly<Record<string, { readonly optional?: boolean }>>;
  readonly [other: string]: unknown;
}

/** What an artefact's own package.json files say, by their folders. */
export type Manifests = ReadonlyMap<
  string,
  { readonly name?: string; readonly version?: string; readonly dependencies: Readonly<Record<string, string>> }
>;

/**
 * The lock file of an artefact: what `manifests` need, each at the version and with the checksum that the project's lock has,
 * and nothing else; so `npm ci` installs what the project was tested with.
 * @param manifests the root (folder '') and the packages of the project's own
 */
export function pruneLock(lock: Lock, manifests: Manifests): Lock {
  const kept = new Map<string, LockEntry>();
  for (const [folder, manifest] of manifests) {
    kept.set(folder, { ...manifest });
    const link = folder === '' ? undefined : Object.entries(lock.packages).find(([, entry]) => entry.link && entry.resolved === folder);
    if (link) kept.set(...link);
  }
  const waiting = [...manifests].map(([folder, { dependencies }]) => ({ from: folder, needs: Object.keys(dependencies), optional: false }));
  const required = new Set<string>();
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    for (const name of next.needs) {
      const path = found(lock, next.from, name);
      if (path === undefined || manifests.has(path)) continue;
      const entry = lock.packages[path] as LockEntry;
      if (entry.link || required.has(path) || (next.optional && kept.has(path))) continue;
      if (!next.optional) required.add(path);
      kept.set(path, withoutFlags(entry, next.optional));
      waiting.push({ from: path, needs: needsOf(entry), optional: next.optional });
      waiting.push({ from: path, needs: Object.keys(entry.optionalDependencies ?? {}), optional: true });
    }
  }
  const root = manifests.get('');
  return {
    ...(root?.name === undefined ? {} : { name: root.name }),
    ...(root?.version === undefined ? {} : { version: root.version }),
    lockfileVersion: 3,
    requires: true,
    packages: Object.fromEntries([...kept].sort(([a], [b]) => (a < b ? -1 : 1))),
  } as Lock;
}

/** Where Node finds a package from a folder of the tree: the nearest node_modules upwards that has it. */
function found(lock: Lock, from: string, name: string): string | undefined {
  for (let folder = from; ; folder = upwards(folder)) {
    const path = folder === '' ? `node_modules/${name}` : `${folder}/node_modules/${name}`;
    if (path in lock.packages) return path;
    if (folder === '') return undefined;
  }
}

function upwards(folder: string): string {
  const inside = folder.lastIndexOf('/node_modules/');
  if (inside >= 0) return folder.slice(0, inside);
  const slash = folder.lastIndexOf('/');
  return folder.startsWith('node_modules/') || slash < 0 ? '' : folder.slice(0, slash);
}

function needsOf({ dependencies = {}, optionalDependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} }: LockEntry): string[] {
  const peers = Object.keys(peerDependencies).filter((name) => peerDependenciesMeta[name]?.optional !== true);
  return [...Object.keys(dependencies).filter((name) => !(name in optionalDependencies)), ...peers];
}

/** What the project needs for its development only, or by the way, the artefact may need. */
function withoutFlags({ dev, devOptional, optional, peer, extraneous, ...entry }: LockEntry, isOptional: boolean): LockEntry {
  return isOptional ? { ...entry, optional: true } : entry;
}
