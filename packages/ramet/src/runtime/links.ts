import { hostOf, operatorsOf } from '../admin/index.ts';
import type { Discovery, Endpoint, Registration } from '../discovery/index.ts';
import { BootError } from '../errors/index.ts';
import { newId, type Platform } from '../platform/index.ts';
import { type Dispatcher, type Identities, type Transport, type TransportServers, Transports } from '../rpc/index.ts';
import { createIdentities } from '../security/index.ts';
import type { RootLog } from '../telemetry/index.ts';
import type { Advertised, RpcPorts, StartOptions } from './options.ts';
import type { Profile, Topology } from './topology.ts';

/** The name that calls of operators carry. */
export const ADMIN = 'admin';

/** How long a start waits for the first answer of the registry. Instances that are missing then are found later. */
const FIRST_LOOK_MS = 2_000;

/** What connects this process with the others of its profile. */
export interface Links {
  /** The services of other processes that are called from here. */
  readonly others: readonly string[];
  /** Whether operators ask this process about all of them. */
  readonly operates: boolean;
  /** Makes the transport of one service or gateway of this process. Services that run here are called without a wire. */
  transport(from: string, local: Transport, hosted: ReadonlyMap<string, Dispatcher>): Transport;
  /** Checks whether an instance answers for a service now, as far as is known. @throws RametError Unavailable */
  check(service: string): void;
  /** Begins to follow the instances of the other services. */
  look(): Promise<void>;
  /** Answers the calls of other processes, those of operators too. @returns the port of each transport, by its protocol */
  listen(dispatchers: ReadonlyMap<string, Dispatcher>, host: string): Promise<Readonly<Record<string, number>>>;
  /**
   * Makes known that this process takes calls for some services; may be repeated when it failed.
   * @param probesPort where `/readyz` answers 200 while it is ready
   */
  register(services: readonly string[], probesPort: number): Promise<void>;
  /** Takes that back, so that no new caller is sent here. @param services default: all */
  withdraw(services?: readonly string[]): Promise<void>;
  /** Asks connected processes to call elsewhere. */
  drain(): Promise<void>;
  /** How many calls of other processes are under way. */
  readonly inFlight: number;
  /** Ends the connections that other processes have made. */
  closeServer(): Promise<void>;
  /** Ends the connections that this process has made. */
  close(): Promise<void>;
}

/** A process of a profile with several. */
interface ProcessOf {
  readonly topology: Topology;
  readonly profile: Profile;
  readonly process: string;
  readonly hosts: ReadonlySet<string> | undefined;
  readonly options: StartOptions;
  readonly platform: Platform;
  readonly log: RootLog;
}

/**
 * Makes the links of one process with the others of its profile.
 * @throws BootError when the options lack the allowed calls or the key
 */
export function openLinks(of: ProcessOf): Links {
  const { topology, profile, process, hosts, options, platform, log } = of;
  const identities = identitiesOf(of);
  // Only services that are called: each look of each process is load for the registry.
  const called =
    profile.admin === process ? Object.keys(topology.services) : [...(hosts ?? [])].flatMap((part) => options.graph?.[part] ?? []);
  return createLinks(profile as Required<Profile>, {
    platform,
    others: [...new Set(called)].filter((service) => !hosts?.has(service)).sort(),
    operates: profile.admin === process,
    identities,
    process,
    advertise: options.advertise ?? {},
    rpcPort: options.rpcPort,
    onError: (error, where) => log.event('link_failed', { err: error, ...where }),
  });
}

/** Addresses that a process can listen at, and that no process can call. */
const EVERYWHERE = new Set(['0.0.0.0', '::', '']);

function identitiesOf({ topology, profile, process, options, platform, log }: ProcessOf): Identities {
  const { graph, identity } = options;
  const problems: string[] = [];
  const found = options.advertise?.host ?? options.host;
  if (found !== undefined && EVERYWHERE.has(found) && profile.discovery?.capabilities.registers)
    problems.push(`'${found}' would be registered, and no process can call it: set 'advertise.host' to the address of this process`);
  if (!graph) problems.push("the allowed calls are missing: set 'graph' to what 'await declaredGraph(topology)' or 'ramet graph' makes");
  if (!identity) problems.push(`process '${process}' has no key to sign its calls: set 'identity'`);
  const protocols = (profile.transports ?? []).map(({ capabilities }) => capabilities.name);
  for (const [option, ports] of Object.entries({ rpcPort: options.rpcPort, 'advertise.rpcPort': options.advertise?.rpcPort }))
    for (const protocol of typeof ports === 'object' ? Object.keys(ports) : [])
      if (!protocols.includes(protocol)) problems.push(`'${option}' names '${protocol}', which none of the transports of the profile is`);
  if (!graph || !identity || problems.length > 0) throw new BootError(problems);
  const processes = { ...profile.processes };
  if (profile.admin !== undefined) processes[profile.admin] = [...(processes[profile.admin] ?? []), ADMIN];
  return createIdentities(platform, {
    process,
    ...identity,
    hosts: processes,
    graph: { ...graph, [ADMIN]: Object.keys(topology.services).flatMap((service) => [service, operatorsOf(service)]) },
    onRefused: (error, where) => log.event('caller_refused', { err: error, ...where }),
    onError: (error, where) => log.event('key_replacement_failed', { err: error, ...where }),
  });
}

/** Makes the transport of each service and gateway of a process; a single one where calls are not signed. */
export function transports(
  local: Transport,
  dispatchers: ReadonlyMap<string, Dispatcher>,
  links: Links | undefined,
  around: StartOptions['transport'],
): (from: string) => Transport {
  if (links) {
    return (from) => {
      const transport = links.transport(from, local, dispatchers);
      return around?.(transport) ?? transport;
    };
  }
  const transport = around?.(local) ?? local;
  return () => transport;
}

function createLinks(
  profile: Required<Profile>,
  environment: {
    readonly platform: Platform;
    readonly others: readonly string[];
    readonly operates: boolean;
    readonly identities: Identities;
    readonly process: string;
    readonly advertise: Advertised;
    readonly rpcPort: RpcPorts | undefined;
    readonly onError: (error: unknown, where: object) => void;
  },
): Links {
  const { platform, onError, others, operates, process, advertise } = environment;
  const discovery: Discovery = profile.discovery.create({ platform, onError });
  const transports = new Transports(profile.transports, {
    platform,
    instances: (service) => discovery.instances(hostOf(service)),
    identities: environment.identities,
    process,
    onError,
  });
  const [first = ''] = transports.protocols;
  let servers: TransportServers | undefined;
  return {
    others,
    operates,
    transport: (from, local, hosted) => joined(local, hosted, transports.from(from)),
    check: (service) => transports.check(service),
    look: () => discovery.follow(others, FIRST_LOOK_MS),
    async listen(dispatchers, host) {
      servers = await transports.listen(dispatchers, host, (protocol) => portOf(environment.rpcPort, protocol, first) ?? 0);
      return Object.fromEntries(servers.served.map(({ protocol, port }) => [protocol, port]));
    },
    async register(services, probesPort) {
      if (!servers) return;
      const endpoints = servers.served.map(
        ({ protocol, host, port }): Endpoint => ({
          protocol,
          host: advertise.host ?? host,
          port: portOf(advertise.rpcPort, protocol, first) ?? port,
        }),
      );
      const host = endpoints[0]?.host ?? '';
      const healthUrl = `http://${host.includes(':') ? `[${host}]` : host}:${advertise.probesPort ?? probesPort}/readyz`;
      // A registration that failed may be taken back later: each attempt has its own ids.
      await discovery.register(
        services.map((service): Registration => ({ id: newId(platform, service), service, endpoints, tags: [process], healthUrl })),
      );
    },
    withdraw: (services) => discovery.withdraw(services),
    drain: async () => servers?.drain(),
    get inFlight() {
      return servers?.inFlight ?? 0;
    },
    closeServer: async () => servers?.close(),
    async close() {
      await transports.close();
      await discovery.close();
    },
  };
}

/** @returns the port that a setting gives a protocol; a plain number is that of the first transport */
const portOf = (ports: RpcPorts | undefined, protocol: string, first: string): number | undefined =>
  typeof ports === 'number' ? (protocol === first ? ports : undefined) : ports?.[protocol];

/** Calls services that run here without a wire, and all others over it. */
function joined(local: Transport, hosted: ReadonlyMap<string, Dispatcher>, remote: Transport): Transport {
  const towards = ({ service }: { service: string }) => (hosted.has(service) ? local : remote);
  return {
    capabilities: remote.capabilities,
    call: (target, input, meta, signal) => towards(target).call(target, input, meta, signal),
    stream: (target, input, meta, signal) => towards(target).stream(target, input, meta, signal),
    instances: (service) => (hosted.has(service) ? NOBODY : (remote.instances?.(service) ?? NOBODY)),
  };
}

const NOBODY: readonly string[] = [];
