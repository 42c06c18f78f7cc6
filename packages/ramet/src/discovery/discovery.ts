import type { Platform } from '../platform/index.ts';

/**
 * Finds the instances of services, and makes those of this process known.
 *
 * Instances that were found stay known (last known good): a registry that is unavailable, or that suddenly lists no instance, removes
 * none of them. The breakers of the callers eject instances that do not answer. The methods may be called concurrently. Only
 * {@link register} rejects because the registry is unavailable.
 */
export interface Discovery {
  readonly capabilities: DiscoveryCapabilities;
  /**
   * Makes the instances of this process known, and keeps them known: they are registered again if the registry loses them.
   * @throws RametError Unavailable when the registry cannot be reached now
   */
  register(registrations: readonly Registration[]): Promise<void>;
  /**
   * Takes back the instances of this process, so that no new caller finds them. Calls under way continue.
   * @param services only the instances of these services; all where it is absent
   */
  withdraw(services?: readonly string[]): Promise<void>;
  /** Begins to follow services. Resolves when each has been looked up once, or could not be within `waitMs` milliseconds. */
  follow(services: readonly string[], waitMs: number): Promise<void>;
  /** The instances of a followed service that pass their checks, as last known. The same array until something changes. */
  instances(service: string): readonly Instance[];
  /** Takes back what was registered, and ends the work in the background. */
  close(): Promise<void>;
}

/** One process that answers the calls of one service. */
export interface Instance {
  /** Unique among the instances of all services, and new with each start of a process. */
  readonly id: string;
  /** Where the instance answers: at least one endpoint. A caller chooses one whose protocol it speaks. */
  readonly endpoints: readonly Endpoint[];
}

/** Where an instance answers by one protocol. */
export interface Endpoint {
  /** The name of the transport, as in `mux`. */
  readonly protocol: string;
  readonly host: string;
  readonly port: number;
}

/** What a registry learns of an instance. */
export interface Registration extends Instance {
  readonly service: string;
  readonly tags: readonly string[];
  /** A URL that answers 200 while the process is ready: `http://host:port/path`. */
  readonly healthUrl: string;
}

/** What a discovery can do, as data: the boot, the suite and the documents read it. */
export interface DiscoveryCapabilities {
  readonly name: string;
  /** Whether processes register themselves. If not, their instances are listed elsewhere. */
  readonly registers: boolean;
  /** Whether the registry excludes instances that fail their health check. */
  readonly checks: boolean;
  /** Whether the registry reports changes at once. If not, they are seen at the next look. */
  readonly pushes: boolean;
}

/** What a topology names: makes the discovery of a process. */
export interface DiscoveryFactory {
  readonly capabilities: DiscoveryCapabilities;
  create(environment: DiscoveryEnvironment): Discovery;
}

/** What a process gives to its discovery. */
export interface DiscoveryEnvironment {
  readonly platform: Platform;
  /** Called with every failure of a background loop, which then tries again. */
  readonly onError: (error: unknown, where: object) => void;
}
