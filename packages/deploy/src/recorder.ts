import { fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import type { ContractShape } from 'ramet';
import type { Graph } from 'ramet/runtime';
import { manifestAround } from './packages.ts';
import { DeployError } from './problems.ts';

/** Which topology, and how it is to be loaded. */
export interface TopologyFile {
  /** The module whose default export is the topology. */
  readonly topologyFile: string;
  /** Added to the environment, for a profile that reads it. */
  readonly env?: Readonly<Record<string, string>>;
  /** Export conditions of Node (default: those of this process). */
  readonly conditions?: readonly string[];
}

/** The request to the child process. */
export interface RecordRequest {
  readonly topology: string;
  /** The folder of the topology's package, with a slash. */
  readonly scope: string;
  readonly profile: string | undefined;
  readonly process: string | undefined;
  /** Only what the topology says, and not what it loads. */
  readonly overview: boolean;
}

/** The answer of the child process. */
export interface Recorded {
  readonly problem?: string;
  readonly overview?: Overview;
  readonly loaded?: Loaded;
}

/** What a topology says. */
export interface Overview {
  readonly graph: Graph;
  /** What each service promises. */
  readonly contracts: Readonly<Record<string, ContractShape>>;
  readonly services: readonly string[];
  readonly gateways: readonly string[];
  readonly profiles: readonly string[];
  /** Of the profile that was asked about. */
  readonly processes: Readonly<Record<string, readonly string[]>> | undefined;
  readonly admin: string | undefined;
}

export interface Loaded {
  /** Each module with those that import it. */
  readonly imports: readonly (readonly [url: string, parents: readonly string[]])[];
  readonly parts: Readonly<Record<string, string>>;
  readonly gateways: readonly string[];
  readonly folders: readonly string[];
  readonly externals: Readonly<Record<string, readonly string[]>>;
  /** What could not be looked into. */
  readonly warnings: readonly string[];
}

export const RECORDER = new URL(import.meta.url.endsWith('.ts') ? './record.ts' : './record.js', import.meta.url);

/**
 * Loads a topology in a process of its own: what it imports and what environment it wants is nothing to this one.
 * @throws DeployError when it cannot be loaded
 */
export async function record(from: TopologyFile, request: Pick<RecordRequest, 'profile' | 'process' | 'overview'>): Promise<Recorded> {
  const file = resolve(from.topologyFile);
  if (!existsSync(file)) throw new DeployError([`there is no topology at ${file}; name it with --topology`]);
  const conditions = from.conditions ?? conditionsOf(process.execArgv);
  const whole: RecordRequest = {
    ...request,
    topology: pathToFileURL(file).href,
    scope: `${pathToFileURL(manifestAround(file).folder).href}/`,
  };
  const child = fork(fileURLToPath(RECORDER), [JSON.stringify(whole)], {
    env: { ...process.env, ...from.env },
    execArgv: conditions.flatMap((condition) => ['-C', condition]),
    // What modules print while they are loaded must not be taken for the answer of a command.
    stdio: ['ignore', 2, 2, 'ipc'],
  });
  const recorded = await new Promise<Recorded>((told) => {
    child.once('message', (message) => told(message as Recorded));
    child.once('exit', (code, signal) => told({ problem: `the process that loads it ended (${signal ?? code})` }));
  });
  child.kill();
  if (recorded.problem === undefined) return recorded;
  const what =
    request.process !== undefined ? `process '${request.process}'` : request.profile !== undefined ? `profile '${request.profile}'` : file;
  throw new DeployError([`${what} cannot be loaded: ${recorded.problem}`]);
}

/** The export conditions among the arguments of Node. */
export function conditionsOf(argv: readonly string[]): string[] {
  const given = argv.flatMap((argument, at) => {
    if (argument === '-C' || argument === '--conditions') return [argv[at + 1] as string];
    return argument.startsWith('--conditions=') ? [argument.slice('--conditions='.length)] : [];
  });
  return [...new Set(given)];
}

/**
 * What a topology says of itself: the declared graph, and the processes of a profile.
 * @param from.profile without it, no profile is read
 * @throws DeployError when it cannot be loaded
 */
export async function overviewOf(from: TopologyFile & { readonly profile?: string }): Promise<Overview> {
  const { overview } = await record(from, { profile: from.profile, process: undefined, overview: true });
  if (from.profile !== undefined && !overview?.profiles.includes(from.profile))
    throw new DeployError([`profile '${from.profile}' is not in the topology; it has ${overview?.profiles.join(', ')}`]);
  return overview as Overview;
}
