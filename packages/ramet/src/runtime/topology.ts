import type { BusFactory } from '../bus/index.ts';
import type { DiscoveryFactory } from '../discovery/index.ts';
import type { GatewayDefinition, LimitStoreFactory } from '../gateway/index.ts';
import type { TransportFactory } from '../rpc/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import type { StoreFactory } from '../store/index.ts';

/** Loads a module whose default export is a service or a gateway. */
export type Load<T> = () => Promise<{ readonly default: T }>;

/** One way to run a topology: its engines, and how its services are spread over processes. */
export interface Profile {
  readonly store: StoreFactory;
  readonly bus: BusFactory;
  /** Which process hosts which services and gateways (default: one process hosts all). A process may run several times. */
  readonly processes?: Readonly<Record<string, readonly string[]>>;
  /** The process whose operators' interface may call every service. */
  readonly admin?: string;
  /** How processes call each other: a process serves by all of these, and calls an instance by the first that the instance serves. */
  readonly transports?: readonly TransportFactory[];
  /** How processes find each other. */
  readonly discovery?: DiscoveryFactory;
  /** Where gateways count for their limits (default: each process for itself). */
  readonly limits?: LimitStoreFactory;
}

/** Which process hosts what, on which store and bus. Services are named lazily: a process loads only what it hosts. */
export interface Topology {
  readonly services: Readonly<Record<string, Load<ServiceDefinition>>>;
  readonly gateways: Readonly<Record<string, Load<GatewayDefinition>>>;
  readonly profiles: Readonly<Record<string, Profile | (() => Profile | Promise<Profile>)>>;
  /** The sources of events that other systems publish on the bus (docs/events.md). Services may react to them, not call them. */
  readonly foreign?: readonly string[];
}

type Named<T> = Readonly<Record<string, Load<T> | T>>;

/**
 * Declares a topology. A profile with one process is the modular monolith. Name each service by a function that imports it, so that a
 * process loads only what it hosts; a small program may pass the services themselves. A profile may be a function, which is called
 * only when the profile is chosen: write one for a profile that reads the environment or imports adapters.
 * @example
 * export default topology({
 *   services: { orders, payments },
 *   gateways: { web },
 *   profiles: { monolith: { store: sqlite('.data'), bus: embedded() } },
 * });
 */
export const topology = (d: {
  services: Named<ServiceDefinition>;
  gateways?: Named<GatewayDefinition>;
  profiles: Topology['profiles'];
  foreign?: readonly string[];
}): Topology => ({
  // Boot reports the names that it does not know, and what is missing.
  ...d,
  services: loads(d.services ?? {}),
  gateways: loads(d.gateways ?? {}),
  profiles: d.profiles ?? {},
  foreign: d.foreign ?? [],
});

const loads = <T extends object>(named: Named<T>): Record<string, Load<T>> =>
  Object.fromEntries(
    Object.entries(named).map(([name, given]) => [
      name,
      typeof given === 'function' ? (given as Load<T>) : async () => ({ default: given }),
    ]),
  );
