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
    httpRefused: metrics.counter<'gateway' | 'reason'>('ramet_http_refused_total', {
      description: 'Requests and connections that were refused before anything behind the gate saw them',
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
    eventsMissed: metrics.counter<'subscriber' | 'source'>('ramet_events_missed_total', {
      description: 'Positions of a source that a subscriber cannot have, because they were deleted before it asked for them',
    }),
    /** Hooks in who knows which subscriptions stand at an event. */
    subscriptionsHalted: (observe: Observe<'subscriber'>) =>
      metrics.gauge(
        'ramet_subscriptions_halted',
        { description: 'Partitions in which a subscription stands and waits for a person' },
        observe,
      ),
    scheduleRuns: metrics.counter<'service' | 'schedule' | 'outcome'>('ramet_schedule_runs_total', {
      description: 'Runs of schedules that ended; those that failed are tried again',
    }),
    callsShed: metrics.counter<'service' | 'priority'>('ramet_calls_shed_total', {
      description: 'Calls turned away because the process has too much to do',
    }),
    requestsShed: metrics.counter<'gateway' | 'priority'>('ramet_requests_shed_total', {
      description: 'Requests refused by a gateway because the process has too much to do',
    }),
    limitsUncounted: metrics.counter<'gateway' | 'answer'>('ramet_limit_store_failures_total', {
      description: 'Requests whose limit was decided without the store of limits: failOpen or failClosed',
    }),
    /** Hooks in who knows the circuits: 0 closed, 1 half-open, 2 open. Those that never opened are not shown. */
    circuitStates: (observe: Observe<'edge' | 'operation'>) =>
      metrics.gauge('ramet_circuit_state', { description: 'Circuit breakers: 0 closed, 1 half-open, 2 open' }, observe),
    circuitTransitions: metrics.counter<'edge' | 'operation' | 'to'>('ramet_circuit_transitions_total', {
      description: 'Changes of circuit breakers',
    }),
    callsRejected: metrics.counter<'edge' | 'reason'>('ramet_calls_rejected_total', {
      description: 'Calls that were not made: the circuit was open, the bulkhead full, or the deadline passed in its queue',
    }),
    callRetries: metrics.counter<'edge'>('ramet_call_retries_total', { description: 'Attempts beyond the first' }),
    retryBudgetEmpty: metrics.counter<'edge'>('ramet_retry_budget_exhausted_total', {
      description: 'Retries that were not made because the budget had no token',
    }),
    callFallbacks: metrics.counter<'edge' | 'operation'>('ramet_call_fallbacks_total', {
      description: 'Calls that answered with their fallback',
    }),
    /** Hooks in who knows the queues. */
    bulkheadQueues: (observe: Observe<'edge'>) =>
      metrics.gauge('ramet_bulkhead_queue_length', { description: 'Calls that wait for a place' }, observe),
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
