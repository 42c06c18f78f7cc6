import type { Instance, Registration } from './discovery.ts';

/**
 * What an adapter does for a registry of instances. Everything else (last known good, vetting of addresses, staying
 * registered, backoff) is the same for every registry and stands in `registryFactory`.
 */
export interface Registry {
  /** Where it is, for messages that people read, as in `Consul at http://consul:8500`. */
  readonly name: string;
  /** Makes an instance known. @throws RametError Unavailable, or Misconfigured when trying again cannot help */
  register(registration: Registration): Promise<void>;
  /** Makes an instance known again if the registry has lost it, and renews its lease where it has one. Called every few seconds. */
  keep(registration: Registration): Promise<void>;
  /** Takes an instance back. One that the registry does not know is taken back already. */
  withdraw(id: string): Promise<void>;
  /**
   * Looks up the instances of a service that pass their checks.
   * @param since answers as soon as something has changed after this position, and after `waitMs` at the latest; undefined answers now
   */
  look(service: string, since: Since | undefined, signal: AbortSignal): Promise<Look>;
}

/** How long a look waits, and for a change after which position. */
export interface Since {
  readonly position: string;
  readonly waitMs: number;
}

/** What a look at a service found. */
export interface Look {
  /** The instances as the registry says them: not vetted, in any order. */
  readonly instances: readonly Instance[];
  /** Where the next look continues; undefined looks again from the beginning. */
  readonly position: string | undefined;
}
