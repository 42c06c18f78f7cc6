export { type AddressRange, addressRules } from './address-rules.ts';
export type {
  Discovery,
  DiscoveryCapabilities,
  DiscoveryEnvironment,
  DiscoveryFactory,
  Instance,
  Registration,
} from './discovery.ts';
