/**
 * The ports, for those who write an adapter: what a store, a bus, a transport, a discovery and a store of limits implement, and what a
 * process gives each of them. `ramet/conformance` has the suite that the adapter must pass.
 */

export type {
  Batch,
  Bus,
  BusCapabilities,
  BusEnvironment,
  BusFactory,
  Delivery,
  Envelope,
  LogSink,
  Missed,
  OutboxRow,
  QueuedMessage,
  QueueSink,
  Sink,
  Subscription,
} from './bus/index.ts';
export {
  type AddressRange,
  type Discovery,
  type DiscoveryCapabilities,
  type DiscoveryEnvironment,
  type DiscoveryFactory,
  type Endpoint,
  type Instance,
  type Look,
  type Registration,
  type Registry,
  type RegistryOptions,
  registryFactory,
  type Since,
} from './discovery/index.ts';
export type { LimitCounter, LimitStore, LimitStoreCapabilities, LimitStoreEnvironment, LimitStoreFactory } from './gateway/index.ts';
export type {
  Address,
  CallMeta,
  Cancellation,
  Identities,
  RemoteTransport,
  Reply,
  RpcServer,
  Target,
  Transport,
  TransportCapabilities,
  TransportEnvironment,
  TransportFactory,
  TransportRoutes,
} from './rpc/index.ts';
export type {
  Param,
  Pipeline,
  Reader,
  Reads,
  Store,
  StoreCapabilities,
  StoreEnvironment,
  StoreFactory,
  Table,
  Tx,
  WriteOptions,
} from './store/index.ts';
