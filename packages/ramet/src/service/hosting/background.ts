import { alertGivenUp } from '../../alert/index.ts';
import { PastSagas, SagaEngine, slowCircuits } from '../../saga/index.ts';
import { createRetention, type Tx } from '../../store/index.ts';
import { FRAMEWORK_TABLES } from '../framework-tables.ts';
import { keepSagasMs } from '../sagas/keep-sagas.ts';
import { hostSchedules } from '../schedules/schedules.ts';
import { catchingUp } from '../subscriptions/listener.ts';
import type { HostedSubscription } from '../subscriptions/subscriptions.ts';
import type { UnitOfWork, WorkOrigin } from '../unit-of-work.ts';
import type { HostBase } from './base.ts';

/** Background work of a service: it needs no calls. */
export interface Worker {
  start(): void;
  /** Begins nothing new. Resolves when what is under way has ended. */
  stop(): Promise<void>;
}

/** @param listener keeps the events that the sagas wait for @returns undefined for a service without sagas */
export function hostEngine(base: HostBase, listener: HostedSubscription | undefined): SagaEngine | undefined {
  const { platform, store, name, definition, transport, outbound, owner, outbox, log, instrument } = base;
  for (const { advice, ...where } of slowCircuits(definition.sagas)) log.event('circuit_too_slow', where, advice);
  if (definition.sagas.length === 0) return undefined;
  return new SagaEngine({
    platform,
    store,
    service: name,
    sagas: definition.sagas,
    transport,
    outbound,
    owner,
    log,
    alerts: { outbox, log, webhook: base.postAlert !== undefined },
    caughtUp: catchingUp(platform, listener, base.lag),
    instrument,
  });
}

/** Deletes what the service need not remember any more, ended sagas included. */
export function hostRetention({ platform, store, name, definition, transport, outbound, log }: HostBase): readonly Worker[] {
  return [
    createRetention(store, platform, FRAMEWORK_TABLES, (error) => log.event('retention_failed', { err: error })),
    new PastSagas({
      platform,
      store,
      service: name,
      transport,
      outbound,
      keepMs: keepSagasMs(definition),
      onError: (error) => log.event('saga_retention_failed', { err: error }),
    }),
  ];
}

export function hostScheduleWorker(base: HostBase, unitOfWork: (tx: Tx, origin: WorkOrigin) => UnitOfWork) {
  const { platform, store, name, owner, definition, log, instrument, postAlert } = base;
  return hostSchedules(definition, {
    platform,
    store,
    owner,
    unitOfWork,
    onError: (error, run) => log.event(run ? 'schedule_failed' : 'schedules_unavailable', { err: error, ...run }),
    onGivingUp(tx, schedule, why) {
      const work = { service: name, kind: 'schedule', what: schedule, workId: schedule };
      if (postAlert) alertGivenUp(tx, platform, work, why);
    },
    onGivenUp: (schedule, starts) => log.event('schedule_given_up', { schedule, starts }),
    instrument,
  });
}
