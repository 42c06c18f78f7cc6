import type { BusFactory } from '../bus/index.ts';
import type { GatewayDefinition } from '../gateway/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import type { StoreFactory } from '../store/index.ts';

/** Loads a module whose default export is what was asked for. */
export type Load<T> = () => Promise<{ readonly default: T }>;

export interface Profile {
  readonly store: StoreFactory;
  readonly bus: BusFactory;
}

/** Which process hosts what, on which store and bus. Services are named lazily: a process loads only what it hosts. */
export interface Topology {
  readonly services: Readonly<Record<string, Load<ServiceDefinition>>>;
  readonly gateways: Readonly<Record<string, Load<GatewayDefinition>>>;
  readonly profiles: Readonly<Record<string, Profile>>;
}

type Named<T> = Readonly<Record<string, Load<T> | T>>;

/**
 * Declares a topology. The profile with one process is the modular monolith. Name services by a function that imports them,
 * so that a process loads only what it hosts; in a small program they may stand here themselves.
 */
export const topology = (d: {
  services: Named<ServiceDefinition>;
  gateways?: Named<GatewayDefinition>;
  profiles: Topology['profiles'];
}): Topology => ({
  services: loads(d.services),
  gateways: loads(d.gateways ?? {}),
  profiles: d.profiles,
});

const loads = <T extends object>(named: Named<T>): Record<string, Load<T>> =>
  Object.fromEntries(
    Object.entries(named).map(([name, given]) => [
      name,
      typeof given === 'function' ? (given as Load<T>) : async () => ({ default: given }),
    ]),
  );
