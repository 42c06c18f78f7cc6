import { DURATION_BUCKETS, type Metrics, type Observe } from './metrics.ts';

/** From half a millisecond, because calls inside a process and commits take less than HTTP. */
const FAST_BUCKETS: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** Steps call other systems and may be tried many times. */
const STEP_BUCKETS: readonly number[] = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const BATCH_BUCKETS: readonly number[] = [1, 2, 4, 8, 16];

export interface ProcessGauges {
  readonly residentMemoryBytes: () => number;
  /** The 99th percentile since it was asked last. */
  readonly eventLoopLagSeconds: () => number;
}

export type StandardMetrics = ReturnType<typeof standardMetrics>;

/** The metrics that every process shows, by names that dashboards and alert rules rely on. Durations are in seconds. */
export function standardMetrics(metrics: Metrics) {
  return {
    httpRequestDuration: metrics.histogram<'method' | 'route' | 'status_code'>('http_request_duration_seconds', {
      description: 'Time from the request to the end of the answer; the route is the pattern, not the address',
      buckets: DURATION_BUCKETS,
    }),
    callDuration: metrics.histogram<'service' | 'operation' | 'outcome'>('ramet_call_duration_seconds', {
      description: 'Time of an operation, from its call to its answer, at the service that has it',
      buckets: FAST_BUCKETS,
    }),
    eventsHandled: metrics.counter<'subscriber' | 'event' | 'outcome'>('ramet_events_handled_total', {
      description: 'Deliveries of events that a subscriber finished',
    }),
    /** Hooks in who knows how far subscribers are behind. */
    eventLag: (observe: Observe<'subscriber'>) =>
      metrics.gauge('ramet_event_lag_events', { description: 'Events published that a subscriber has not handled' }, observe),
    sagasFinished: metrics.counter<'saga' | 'state'>('ramet_sagas_finished_total', { description: 'Sagas that reached an end' }),
    sagaStepDuration: metrics.histogram<'saga' | 'step' | 'outcome'>('ramet_saga_step_duration_seconds', {
      description: 'Time of one call that a saga makes; the step is the operation that it calls',
      buckets: STEP_BUCKETS,
    }),
    deadLetters: metrics.counter<'subscriber' | 'event'>('ramet_dead_letters_total', {
      description: 'Events given up by a subscriber; each waits for a person',
    }),
    storeCommitDuration: metrics.histogram<'service'>('ramet_store_commit_duration_seconds', {
      description: 'Time of a COMMIT',
      buckets: FAST_BUCKETS,
    }),
    storeBatchSize: metrics.histogram<'service'>('ramet_store_batch_size', {
      description: 'Handlers that shared a COMMIT',
      buckets: BATCH_BUCKETS,
    }),
    /** Hooks in who can measure the process. */
    observeProcess({ residentMemoryBytes, eventLoopLagSeconds }: ProcessGauges): void {
      metrics.gauge('process_resident_memory_bytes', { description: 'Memory of the process' }, residentMemoryBytes);
      metrics.gauge('nodejs_eventloop_lag_seconds', { description: 'How late the event loop is, 99th percentile' }, eventLoopLagSeconds);
    },
  };
}
