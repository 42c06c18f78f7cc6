export { checkService, type HostEnvironment, type HostedService, type HostObserver, hostService, newOwner } from './host.ts';
export { listSchedules, retrySchedule, type ScheduleState } from './schedule-worker.ts';
export { service, sql } from './service.ts';
export { LoopLag } from './shedding.ts';
export { checkStandstill, type HostedSubscription } from './subscriptions.ts';
export {
  type Changes,
  type Effect,
  type EffectContext,
  type EventInfo,
  effect,
  type Prepared,
  prepared,
  type ReactionOptions,
  type ReadContext,
  type ServiceDefinition,
  type SqlStore,
  type WriteContext,
} from './types.ts';
