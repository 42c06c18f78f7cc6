/**
 * What a service is written with. Stores, buses and the runtime are imported from their own subpaths, so that a process
 * loads only what its topology names: `ramet/store/sqlite`, `ramet/bus/embedded`, `ramet/runtime`.
 */
export {
  type AnyContract,
  breakingChanges,
  type Contract,
  type ContractShape,
  command,
  contract,
  type Data,
  type EventRef,
  event,
  type Failure,
  failure,
  query,
  type Result,
  secret,
  shapeOf,
  stream,
} from './contract/index.ts';
export { DeclaredError, ERRORS, type ErrorCode, PermanentError, RametError } from './errors/index.ts';
export {
  type Access,
  answer,
  type ComposeContext,
  compose,
  expose,
  gateway,
  type Limit,
  type LimitStore,
  type LimitStoreFactory,
  type Site,
  site,
} from './gateway/index.ts';
export type { Duration } from './platform/index.ts';
export { type BreakerPolicy, type CallOptions, external, type Policy, use } from './rpc/index.ts';
export { type Invocation, type Saga, type SagaContext, SagaNeedsAttention, saga } from './saga/index.ts';
export {
  type Caller,
  environment,
  files,
  firstOf,
  generateIdentityKey,
  type IdentityKeyPair,
  principalOf,
  Secret,
  type SecretSource,
  type Secrets,
} from './security/index.ts';
export {
  type Effect,
  type EffectContext,
  type EventInfo,
  effect,
  followHistory,
  type Prepared,
  prepared,
  type ReactionOptions,
  type ReadContext,
  type ServiceDefinition,
  service,
  sql,
  type WriteContext,
} from './service/index.ts';
