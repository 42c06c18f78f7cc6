export { LoopLag } from './calls/shedding.ts';
export { checkService, type HostEnvironment, type HostedService, type HostObserver, hostService, newOwner } from './host.ts';
export { listSchedules, retrySchedule, type ScheduleState } from './schedules/schedule-worker.ts';
export { service, sql } from './service.ts';
export { checkStandstill, type HostedSubscription } from './subscriptions/subscriptions.ts';
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
