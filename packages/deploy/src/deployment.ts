import { resolve } from 'node:path';
import type { Graph } from 'ramet/runtime';
import type { DeployConfig } from './config.ts';
import { manifestAround } from './packages.ts';
import { DeployError } from './problems.ts';
import { type Overview, overviewOf, type TopologyFile } from './recorder.ts';
import { type Trace, traceProcess } from './trace.ts';

/** A process as it is deployed. */
export interface DeployedProcess {
  readonly name: string;
  /** Undefined where the profile is one process. */
  readonly process: string | undefined;
  readonly services: readonly string[];
  readonly gateways: readonly string[];
  /** The other processes that it calls, and those that call it, by the declared graph. */
  readonly calls: readonly string[];
  readonly callers: readonly string[];
  /** Whether operators reach every service through it. */
  readonly admin: boolean;
  readonly trace: Trace;
}

/** All processes of a profile, and what they are deployed with. */
export interface Deployment {
  readonly name: string;
  readonly profile: string;
  readonly version: string;
  readonly graph: Graph;
  readonly contracts: Overview['contracts'];
  readonly config: DeployConfig;
  readonly processes: readonly DeployedProcess[];
}

export interface DeploymentOptions extends TopologyFile {
  readonly profile: string;
  readonly config: DeployConfig;
  /** What images, logs and metrics call this build (default: that of the project's package.json). */
  readonly version?: string;
  /** The processes that are traced (default: all). */
  readonly only?: readonly string[];
}

const NAME = /^[a-z]([-a-z0-9]*[a-z0-9])?$/;
const NAME_MAX = 50;
/** Each trace is a process that loads a whole program. */
const TRACES_AT_ONCE = 2;

/**
 * Finds out all that is known of the processes of a profile: what each loads, and which calls which.
 * @throws DeployError with every problem
 */
export async function deploymentOf(options: DeploymentOptions): Promise<Deployment> {
  const { profile, config, topologyFile } = options;
  const from: TopologyFile = {
    topologyFile,
    env: { ...config.env, ...options.env },
    ...(options.conditions ? { conditions: options.conditions } : {}),
  };
  const overview = await overviewOf({ ...from, profile });
  const hosts = hostsOf(overview, profile);
  const problems: string[] = [];
  for (const name of hosts.keys())
    if (!NAME.test(name) || name.length > NAME_MAX)
      problems.push(`process '${name}' cannot be a name of a container: use small letters, digits and hyphens, ${NAME_MAX} at most`);
  for (const name of [
    ...(options.only ?? []),
    ...Object.keys(config.processes),
    ...Object.values(config.engines).flatMap((engine) => (typeof engine.for === 'string' ? [] : engine.for)),
  ])
    if (!hosts.has(name)) problems.push(`there is no process '${name}' in profile '${profile}'; it has ${[...hosts.keys()].join(', ')}`);
  if (problems.length > 0) throw new DeployError([...new Set(problems)]);

  const wanted = [...hosts.keys()].filter((name) => options.only?.includes(name) ?? true);
  const traces = new Map<string, Trace>();
  const waiting = [...wanted];
  const tracer = async () => {
    for (let name = waiting.shift(); name !== undefined; name = waiting.shift())
      traces.set(name, await traceProcess({ ...from, profile, ...(overview.processes ? { process: name } : {}) }));
  };
  await Promise.all(Array.from({ length: TRACES_AT_ONCE }, tracer));
  const calls = callsOf(overview, hosts);
  const processes = wanted.map(
    (name): DeployedProcess => ({
      name,
      process: overview.processes ? name : undefined,
      services: overview.services.filter((part) => hosts.get(name)?.includes(part)),
      gateways: overview.gateways.filter((part) => hosts.get(name)?.includes(part)),
      calls: calls.get(name) ?? [],
      callers: [...calls].flatMap(([caller, called]) => (called.includes(name) ? [caller] : [])).sort(),
      admin: overview.admin === name || overview.processes === undefined,
      trace: traces.get(name) as Trace,
    }),
  );
  const { manifest: project } = manifestAround(resolve(topologyFile));
  return {
    name: config.name ?? (nameOf(project.name) || 'ramet'),
    profile,
    version: options.version ?? project.version ?? '0.0.0',
    graph: overview.graph,
    contracts: overview.contracts,
    config,
    processes,
  };
}

/** What a person has to know or to add: what no policy can be made of, and what no artefact has. */
export function warningsOf({ processes, config }: Deployment): string[] {
  return processes.flatMap(({ name, trace }) => {
    const told = (config.processes[name]?.egress ?? []).length > 0;
    const untold = Object.entries(trace.externals).flatMap(([part, urls]) => {
      if (told) return [];
      if (urls.includes('')) return [`'${part}' connects to a system of others in its own way: name the port in processes.${name}.egress`];
      const local = urls.find((url) => LOOPBACK.test(URL.parse(url)?.hostname ?? ''));
      return local === undefined ? [] : [`'${part}' asks ${local}, which in a container is the container itself`];
    });
    return [...trace.warnings, ...untold];
  });
}

/** This machine. */
export const LOOPBACK = /^(localhost|127\.\d+\.\d+\.\d+|\[::1\])$/;

/** The image of a process, as the configuration writes it. */
export const imageOf = ({ name, version, config }: Deployment, process: string): string =>
  config.image.replaceAll('{name}', name).replaceAll('{process}', process).replaceAll('{version}', version);

function hostsOf({ processes, services, gateways }: Overview, profile: string): Map<string, readonly string[]> {
  if (processes === undefined) return new Map([[profile, [...services, ...gateways]]]);
  return new Map(Object.entries(processes).sort(([a], [b]) => (a < b ? -1 : 1)));
}

/** Which process calls which others: by the graph of their parts; what is hosted together needs no connection. */
function callsOf({ graph, services, admin }: Overview, hosts: ReadonlyMap<string, readonly string[]>): Map<string, string[]> {
  const processOf = new Map([...hosts].flatMap(([process, parts]) => parts.map((part) => [part, process] as const)));
  return new Map(
    [...hosts].map(([process, parts]) => {
      const called = [...parts.flatMap((part) => graph[part] ?? []), ...(process === admin ? services : [])];
      const others = new Set(called.flatMap((part) => processOf.get(part) ?? []));
      others.delete(process);
      return [process, [...others].sort()];
    }),
  );
}

const nameOf = (name = ''): string =>
  name
    .replace(/^@[^/]*\//, '')
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^[^a-z]+|-+$/g, '')
    .slice(0, NAME_MAX);
