import type { BusFactory } from '../bus/index.ts';
import type { GatewayDefinition } from '../gateway/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import type { StoreFactory } from '../store/index.ts';

/** A module whose default export is what was asked for. */
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

/** Declares a topology. The profile with one process is the modular monolith. */
export const topology = (d: {
  services: Topology['services'];
  gateways?: Topology['gateways'];
  profiles: Topology['profiles'];
}): Topology => ({ gateways: {}, ...d });
