export { type BreakerState, probesTakeMs } from './breaker.ts';
export {
  type CallMeta,
  type Cancellation,
  type Dispatcher,
  declared,
  type Fault,
  fault,
  type Reply,
  type StepMeta,
  type Target,
  type Transport,
  type TransportCapabilities,
  type TransportRoutes,
} from './call.ts';
export { Canceller, NEVER } from './cancellation.ts';
export { Edge, unwrap } from './client.ts';
export { type ClientFactory, type CompiledUses, clientFor, compileUses } from './clients.ts';
export { Edges } from './edges.ts';
export { mayHaveEndedIt } from './failures.ts';
export type { CallOptions, CallOrigin, EdgeOptions } from './origin.ts';
export { Outbound } from './outbound.ts';
export { type BreakerPolicy, type CompiledPolicy, compilePolicy, DEFAULT_POLICY, type Policy } from './policy.ts';
export type { Address, Identities, RemoteTransport, RpcServer, TransportEnvironment, TransportFactory } from './remote.ts';
export {
  type Call,
  type ClientOf,
  type Dependency,
  type External,
  type ExternalClient,
  type Externals,
  external,
  type Queries,
  type Uses,
  use,
} from './use.ts';
export { type CallWatcher, watchAll } from './watch.ts';
