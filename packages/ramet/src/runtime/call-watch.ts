import type { BreakerState, CallWatcher } from '../rpc/index.ts';
import type { EventLog, StandardMetrics } from '../telemetry/index.ts';

const STATES: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };
const CIRCUIT_EVENTS = { closed: 'circuit_closed', 'half-open': 'circuit_half_opened', open: 'circuit_opened' } as const;

/** Turns what the policies of calls do into metrics, and changes of circuits into lines of the log. */
export interface CallWatch extends CallWatcher {
  /** Shows the circuits and queues of a caller no longer: it is stopped. */
  forget(caller: string): void;
}

export function callWatchOf(standard: StandardMetrics, log: EventLog): CallWatch {
  const circuits = new Map<string, { value: number; labels: { edge: string; operation: string } }>();
  const queues = new Map<string, { value: number; labels: { edge: string } }>();
  standard.circuitStates(() => [...circuits.values()]);
  standard.bulkheadQueues(() => [...queues.values()]);
  return {
    forget(caller) {
      for (const shown of [circuits, queues]) for (const edge of shown.keys()) if (edge.startsWith(`${caller}->`)) shown.delete(edge);
    },
    attempt(edge, _target, _operation, attempt) {
      if (attempt > 1) standard.callRetries.add(1, { edge });
    },
    breaker(edge, operation, from, to) {
      circuits.set(`${edge} ${operation}`, { value: STATES[to], labels: { edge, operation } });
      standard.circuitTransitions.add(1, { edge, operation, to });
      log.event(CIRCUIT_EVENTS[to], { edge, operation, from, to });
    },
    budgetEmpty: (edge) => standard.retryBudgetEmpty.add(1, { edge }),
    expiredInQueue: (edge) => standard.callsRejected.add(1, { edge, reason: 'expired in the queue' }),
    queued: (edge, waiting) => void queues.set(edge, { value: waiting, labels: { edge } }),
    rejected: (edge, _operation, reason) => standard.callsRejected.add(1, { edge, reason }),
    unawaited: (edge, operation, error) => log.event('call_unawaited', { err: error, edge, operation }),
    fallback: (edge, operation) => standard.callFallbacks.add(1, { edge, operation }),
  };
}
