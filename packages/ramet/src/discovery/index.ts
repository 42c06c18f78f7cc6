export type { AddressRange } from './address-rules.ts';
export type {
  Discovery,
  DiscoveryCapabilities,
  DiscoveryEnvironment,
  DiscoveryFactory,
  Endpoint,
  Instance,
  Registration,
} from './discovery.ts';
export type { Look, Registry, Since } from './registry.ts';
export { type RegistryOptions, registryFactory } from './registry-discovery.ts';
