export { checkService, type HostEnvironment, type HostedService, type HostObserver, hostService, newOwner } from './host.ts';
export { service, sql } from './service.ts';
export {
  type Changes,
  type Effect,
  type EffectContext,
  type EventInfo,
  effect,
  type Prepared,
  prepared,
  type ReadContext,
  type ServiceDefinition,
  type SqlStore,
  type WriteContext,
} from './types.ts';
