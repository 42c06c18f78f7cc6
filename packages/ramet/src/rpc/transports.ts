import type { Instance } from '../discovery/index.ts';
import { RametError } from '../errors/index.ts';
import type { CallMeta, Cancellation, Dispatcher, Reply, Target } from './call.ts';
import type {
  Address,
  RemoteTransport,
  RpcServer,
  Transport,
  TransportCapabilities,
  TransportEnvironment,
  TransportFactory,
} from './transport.ts';

/** What a process gives to its transports together. */
export interface TransportsEnvironment extends Omit<TransportEnvironment, 'addresses'> {
  /** The instances of a service, each with its endpoints. The same array until something changes. */
  readonly instances: (service: string) => readonly Instance[];
}

/** Where a process serves by one of its transports. */
export interface Served {
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
}

/**
 * The transports of one process. It calls each instance by the first transport of its own list that the instance serves, and
 * serves by all of them.
 */
export class Transports {
  readonly protocols: readonly string[];
  readonly #remotes: readonly RemoteTransport[];
  readonly #assignments: Assignments;

  /** @param factories in the order in which calls prefer them; at least one */
  constructor(factories: readonly TransportFactory[], { instances, ...environment }: TransportsEnvironment) {
    this.protocols = factories.map(({ capabilities }) => capabilities.name);
    this.#assignments = new Assignments(this.protocols, instances);
    this.#remotes = factories.map((factory, index) => factory.create({ ...environment, addresses: this.#assignments.addressesFor(index) }));
  }

  /** The transport as one service or gateway of this process uses it. */
  from(from: string): Transport {
    const routes = this.#remotes.map((remote) => remote.from(from));
    const [only] = routes;
    // A process with one transport pays nothing for those with several.
    return only && routes.length === 1 ? only : new JoinedTransport(routes, this.#remotes, this.#assignments);
  }

  /** Checks that this process can call a service, as far as is known. @throws RametError Unavailable */
  check(service: string): void {
    const { instances, owners } = this.#assignments.of(service);
    if (instances.length === 0) throw new RametError('Unavailable', `no instance of '${service}' is known`);
    if (owners.size > 0) return;
    const theirs = [...new Set(instances.flatMap(({ endpoints }) => endpoints.map(({ protocol }) => protocol)))].sort();
    throw new RametError(
      'Unavailable',
      `'${service}' answers by ${theirs.join(' and ')}, and this process calls by ${this.protocols.join(' and ')}: add one of its transports to 'transports'`,
    );
  }

  /**
   * Serves by every transport.
   * @param portOf the port of each protocol; 0 takes a free one
   * @throws Error when a port is taken; then nothing is served
   */
  async listen(
    dispatchers: ReadonlyMap<string, Dispatcher>,
    host: string,
    portOf: (protocol: string) => number,
  ): Promise<TransportServers> {
    const servers = new Map<string, RpcServer>();
    try {
      for (const [index, remote] of this.#remotes.entries()) {
        const protocol = this.protocols[index] as string;
        servers.set(protocol, await remote.listen(dispatchers, { host, port: portOf(protocol) }));
      }
    } catch (error) {
      for (const server of servers.values()) await server.close();
      throw error;
    }
    return new TransportServers(servers, host);
  }

  /** Ends the connections that this process has made. */
  async close(): Promise<void> {
    for (const remote of this.#remotes) await remote.close();
  }
}

/** The servers of one process, one for each of its transports. */
export class TransportServers {
  readonly served: readonly Served[];
  readonly #servers: readonly RpcServer[];

  constructor(servers: ReadonlyMap<string, RpcServer>, host: string) {
    this.#servers = [...servers.values()];
    this.served = [...servers].map(([protocol, { port }]) => ({ protocol, host, port }));
  }

  /** Calls and streams under way. */
  get inFlight(): number {
    return this.#servers.reduce((sum, { inFlight }) => sum + inFlight, 0);
  }

  /** Asks every peer to call elsewhere. */
  async drain(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.drain()));
  }

  /** Ends the connections. */
  async close(): Promise<void> {
    await Promise.all(this.#servers.map((server) => server.close()));
  }
}

/** Which transport calls which instance of one service. */
interface Assignment {
  readonly instances: readonly Instance[];
  /** Of each transport, in their order. */
  readonly addresses: readonly (readonly Address[])[];
  /** The transport that calls an instance, by its place in the list. An instance that no transport can call is absent. */
  readonly owners: ReadonlyMap<string, number>;
}

/** Gives each instance to one transport: the first of the list that the instance serves. */
class Assignments {
  readonly #protocols: readonly string[];
  readonly #instances: (service: string) => readonly Instance[];
  readonly #assigned = new Map<string, Assignment>();

  constructor(protocols: readonly string[], instances: (service: string) => readonly Instance[]) {
    this.#protocols = protocols;
    this.#instances = instances;
  }

  addressesFor(index: number): (service: string) => readonly Address[] {
    return (service) => this.of(service).addresses[index] as readonly Address[];
  }

  of(service: string): Assignment {
    const instances = this.#instances(service);
    let assignment = this.#assigned.get(service);
    if (assignment?.instances !== instances) {
      assignment = this.#assign(instances);
      this.#assigned.set(service, assignment);
    }
    return assignment;
  }

  #assign(instances: readonly Instance[]): Assignment {
    const addresses: Address[][] = this.#protocols.map(() => []);
    const owners = new Map<string, number>();
    for (const { id, endpoints } of instances) {
      for (const [index, protocol] of this.#protocols.entries()) {
        const endpoint = endpoints.find((one) => one.protocol === protocol);
        if (!endpoint) continue;
        addresses[index]?.push({ id, host: endpoint.host, port: endpoint.port });
        owners.set(id, index);
        break;
      }
    }
    return { instances, addresses, owners };
  }
}

/** The keys of one service as every transport named them last, and together. */
interface JoinedKeys {
  readonly parts: readonly (readonly string[])[];
  readonly keys: readonly string[];
}

const NONE: readonly string[] = [];

/** Several transports as one. */
class JoinedTransport implements Transport {
  readonly capabilities: TransportCapabilities;
  readonly #routes: readonly Transport[];
  readonly #remotes: readonly RemoteTransport[];
  readonly #assignments: Assignments;
  readonly #keys = new Map<string, JoinedKeys>();
  #turn = 0;

  constructor(routes: readonly Transport[], remotes: readonly RemoteTransport[], assignments: Assignments) {
    this.capabilities = {
      name: routes.map(({ capabilities }) => capabilities.name).join('+'),
      remote: true,
      streams: routes.every(({ capabilities }) => capabilities.streams),
    };
    this.#routes = routes;
    this.#remotes = remotes;
    this.#assignments = assignments;
  }

  call(target: Target, input: unknown, meta: CallMeta, signal: Cancellation): Promise<Reply> {
    return this.#towards(target).call(target, input, meta, signal);
  }

  stream(target: Target, input: unknown, meta: CallMeta, signal: Cancellation): AsyncIterable<Reply> {
    return this.#towards(target).stream(target, input, meta, signal);
  }

  /** The keys of the instances that want to be called, whichever transport calls them; of all, when none does. */
  instances(service: string): readonly string[] {
    const willing = this.#remotes.map((remote) => remote.willing(service));
    const parts = willing.some(({ length }) => length > 0) ? willing : this.#routes.map((route) => route.instances?.(service) ?? NONE);
    const known = this.#keys.get(service);
    if (known?.parts.every((part, index) => part === parts[index])) return known.keys;
    const named = new Set(parts.flat());
    const keys = [...this.#assignments.of(service).owners.keys()].filter((id) => named.has(id));
    this.#keys.set(service, { parts, keys });
    return keys;
  }

  /** The transport of the instance that was chosen; where none was, each transport is called as often as it has instances. */
  #towards({ service, instance }: Target): Transport {
    const { owners } = this.#assignments.of(service);
    const keys = instance === undefined ? this.instances(service) : NONE;
    const key = instance ?? keys[this.#turn++ % keys.length];
    const index = key === undefined ? undefined : owners.get(key);
    // One that no transport calls is unknown to the first as well, which answers so.
    return this.#routes[index ?? 0] as Transport;
  }
}
