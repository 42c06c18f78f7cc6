export {
  type CallMeta,
  type Cancellation,
  type Dispatcher,
  declared,
  type Fault,
  fault,
  type Reply,
  replyOutcome,
  type StepMeta,
  stopped,
  type Target,
} from './call.ts';
export { Canceller, NEVER } from './cancellation.ts';
export { type ClientFactory, type CompiledUses, clientFor, compileUses } from './clients.ts';
export { Edge, unwrap } from './edge.ts';
export { Edges } from './edges.ts';
export type { CallOptions, CallOrigin, EdgeOptions } from './origin.ts';
export { Outbound } from './outbound.ts';
export { type BreakerState, probesTakeMs } from './policies/breaker.ts';
export { mayHaveEndedIt } from './policies/failures.ts';
export { type BreakerPolicy, type CompiledPolicy, compilePolicy, DEFAULT_POLICY, type Policy } from './policies/policy.ts';
export type {
  Address,
  Identities,
  RemoteTransport,
  RpcServer,
  Transport,
  TransportCapabilities,
  TransportEnvironment,
  TransportFactory,
  TransportRoutes,
} from './transport.ts';
export { type Served, type TransportServers, Transports, type TransportsEnvironment } from './transports.ts';
export {
  type Call,
  type ClientOf,
  type Dependency,
  type External,
  type ExternalClient,
  type Externals,
  edgesOf,
  external,
  type Queries,
  type Uses,
  use,
} from './use.ts';
