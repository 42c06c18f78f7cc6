import type { Platform } from '../platform/index.ts';

/**
 * Where the instances of services are found, and made known.
 *
 * What was found stays known: a registry that is away, or that suddenly knows of nobody, takes nothing away from whoever
 * asks here (last known good), and instances that do not answer are left out by the caller's own breakers. The methods may be
 * called concurrently; none of them rejects because the registry is away, except {@link register} on its first try.
 */
export interface Discovery {
  readonly capabilities: DiscoveryCapabilities;
  /**
   * Makes the instances of this process known, and keeps them known: a registry that has lost them is told again.
   * @throws RametError Unavailable when the registry cannot be reached now
   */
  register(registrations: readonly Registration[]): Promise<void>;
  /**
   * Takes back the instances of this process, so that no new caller finds them. Calls under way are not touched.
   * @param services only the instances of these services; all where it is absent
   */
  withdraw(services?: readonly string[]): Promise<void>;
  /** Begins to follow services. Resolves when each has been looked up once, or could not be within `waitMs` milliseconds. */
  follow(services: readonly string[], waitMs: number): Promise<void>;
  /** The instances of a followed service that pass their checks, as last known. The same array until something changes. */
  instances(service: string): readonly Instance[];
  /** Ends what runs in the background; what was registered is taken back first. */
  close(): Promise<void>;
}

/** One process that answers the calls of one service. */
export interface Instance {
  /** Unique among the instances of all services, and new with each start of a process. */
  readonly id: string;
  /** Where it answers, at least once; its callers choose an endpoint whose protocol they speak. */
  readonly endpoints: readonly Endpoint[];
}

/** Where an instance answers by one protocol. */
export interface Endpoint {
  /** The name of the transport, as in `mux`. */
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
}

/** What is made known of an instance. */
export interface Registration extends Instance {
  readonly service: string;
  readonly tags: readonly string[];
  /** Answers 200 while the process is ready: `http://host:port/path`. */
  readonly healthUrl: string;
}

export interface DiscoveryCapabilities {
  readonly name: string;
  /** Whether processes make themselves known here; otherwise somebody else does. */
  readonly registers: boolean;
  /** Whether instances that fail their health check are left out by the registry. */
  readonly checks: boolean;
  /** Whether changes are told at once; otherwise they are seen at the next look. */
  readonly pushes: boolean;
}

/** What a topology names: makes the discovery of a process. */
export interface DiscoveryFactory {
  readonly capabilities: DiscoveryCapabilities;
  create(environment: DiscoveryEnvironment): Discovery;
}

export interface DiscoveryEnvironment {
  readonly platform: Platform;
  /** Told of every failure of a background loop, which then tries again. */
  readonly onError: (error: unknown, where: object) => void;
}
