import { DURATION_BUCKETS, type Metrics, type Observe } from './metrics.ts';

/** From half a millisecond, because calls inside a process and commits take less than HTTP. */
const FAST_BUCKETS: readonly number[] = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5];
/** Steps call other systems and may be tried many times. */
const STEP_BUCKETS: readonly number[] = [0.005, 0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300];
const BATCH_BUCKETS: readonly number[] = [1, 2, 4, 8, 16];

/** Measures the process. */
export interface ProcessGauges {
  readonly residentMemoryBytes: () => number;
  /** Returns the 99th percentile since the last call. */
  readonly eventLoopLagSeconds: () => number;
}

/** The metrics of every process. */
export type StandardMetrics = ReturnType<typeof standardMetrics>;

/** Makes the metrics of every process, under names that dashboards and alert rules rely on. Durations are in seconds. */
export function standardMetrics(metrics: Metrics) {
  return {
    httpRequestDuration: metrics.histogram<'method' | 'route' | 'status_code'>('http_request_duration_seconds', {
      description: 'Time from the request to the end of the answer; the route is the pattern, not the address',
      buckets: DURATION_BUCKETS,
    }),
    httpRefused: metrics.counter<'gateway' | 'reason'>('ramet_http_refused_total', {
      description: 'Requests and connections that the gate refused',
    }),
    callDuration: metrics.histogram<'service' | 'operation' | 'outcome'>('ramet_call_duration_seconds', {
      description: 'Time of an operation, from its call to its answer, measured at its service',
      buckets: FAST_BUCKETS,
    }),
    eventsHandled: metrics.counter<'subscriber' | 'event' | 'outcome'>('ramet_events_handled_total', {
      description: 'Deliveries of events, by what became of them',
    }),
    /** Registers an observer of the events that subscribers have still to handle. */
    eventLag: (observe: Observe<'subscriber'>) =>
      metrics.gauge('ramet_event_lag_events', { description: 'Published events that a subscriber has not handled' }, observe),
    sagasFinished: metrics.counter<'saga' | 'state'>('ramet_sagas_finished_total', { description: 'Sagas that ended' }),
    sagaStepDuration: metrics.histogram<'saga' | 'step' | 'outcome'>('ramet_saga_step_duration_seconds', {
      description: 'Time of one call of a saga; the step is the operation that it calls',
      buckets: STEP_BUCKETS,
    }),
    deadLetters: metrics.counter<'subscriber' | 'event'>('ramet_dead_letters_total', {
      description: 'Events that became dead letters; each waits for an operator',
    }),
    eventsMissed: metrics.counter<'subscriber' | 'source'>('ramet_events_missed_total', {
      description: 'Positions of a source that were deleted before the subscriber read them',
    }),
    /** Registers an observer of halted subscriptions. */
    subscriptionsHalted: (observe: Observe<'subscriber'>) =>
      metrics.gauge(
        'ramet_subscriptions_halted',
        { description: 'Partitions in which a subscription is halted and waits for an operator' },
        observe,
      ),
    scheduleRuns: metrics.counter<'service' | 'schedule' | 'outcome'>('ramet_schedule_runs_total', {
      description: 'Runs of schedules that ended; failed runs are retried',
    }),
    callsShed: metrics.counter<'service' | 'priority'>('ramet_calls_shed_total', {
      description: 'Calls refused because the process is overloaded',
    }),
    requestsShed: metrics.counter<'gateway' | 'priority'>('ramet_requests_shed_total', {
      description: 'Requests refused by a gateway because the process is overloaded',
    }),
    limitsUncounted: metrics.counter<'gateway' | 'answer'>('ramet_limit_store_failures_total', {
      description: 'Requests whose limit was decided without the store of limits: failOpen or failClosed',
    }),
    /** Registers an observer of circuits: 0 closed, 1 half-open, 2 open. Circuits that never opened are not shown. */
    circuitStates: (observe: Observe<'edge' | 'operation'>) =>
      metrics.gauge('ramet_circuit_state', { description: 'Circuit breakers: 0 closed, 1 half-open, 2 open' }, observe),
    circuitTransitions: metrics.counter<'edge' | 'operation' | 'to'>('ramet_circuit_transitions_total', {
      description: 'Changes of circuit breakers',
    }),
    callsRejected: metrics.counter<'edge' | 'reason'>('ramet_calls_rejected_total', {
      description: 'Calls that were not made: the circuit was open, the bulkhead was full, or the deadline passed in its queue',
    }),
    callRetries: metrics.counter<'edge'>('ramet_call_retries_total', { description: 'Attempts beyond the first' }),
    retryBudgetEmpty: metrics.counter<'edge'>('ramet_retry_budget_exhausted_total', {
      description: 'Retries that were not made because the budget was empty',
    }),
    callFallbacks: metrics.counter<'edge' | 'operation'>('ramet_call_fallbacks_total', {
      description: 'Calls that answered with their fallback',
    }),
    /** Registers an observer of bulkhead queues. */
    bulkheadQueues: (observe: Observe<'edge'>) =>
      metrics.gauge('ramet_bulkhead_queue_length', { description: 'Calls that wait for a place in the bulkhead' }, observe),
    storeCommitDuration: metrics.histogram<'service'>('ramet_store_commit_duration_seconds', {
      description: 'Time of a COMMIT',
      buckets: FAST_BUCKETS,
    }),
    storeBatchSize: metrics.histogram<'service'>('ramet_store_batch_size', {
      description: 'Transactions that shared a COMMIT',
      buckets: BATCH_BUCKETS,
    }),
    /** Registers the measurements of the process. */
    observeProcess({ residentMemoryBytes, eventLoopLagSeconds }: ProcessGauges): void {
      metrics.gauge('process_resident_memory_bytes', { description: 'Resident memory of the process' }, residentMemoryBytes);
      metrics.gauge('nodejs_eventloop_lag_seconds', { description: 'Lag of the event loop, 99th percentile' }, eventLoopLagSeconds);
    },
  };
}
