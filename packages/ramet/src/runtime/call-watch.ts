import type { BreakerState, CallWatcher } from '../rpc/index.ts';
import type { Log, StandardMetrics } from '../telemetry/index.ts';

const STATES: Readonly<Record<BreakerState, number>> = { closed: 0, 'half-open': 1, open: 2 };

/** Turns what the policies of calls do into metrics, and changes of circuits into lines of the log. */
export function callWatchOf(standard: StandardMetrics, log: Log): CallWatcher {
  const circuits = new Map<string, { value: number; labels: { edge: string; operation: string } }>();
  const queues = new Map<string, { value: number; labels: { edge: string } }>();
  standard.circuitStates(() => [...circuits.values()]);
  standard.bulkheadQueues(() => [...queues.values()]);
  return {
    attempt(edge, _target, _operation, attempt) {
      if (attempt > 1) standard.callRetries.add(1, { edge });
    },
    breaker(edge, operation, from, to) {
      circuits.set(`${edge} ${operation}`, { value: STATES[to], labels: { edge, operation } });
      standard.circuitTransitions.add(1, { edge, operation, to });
      const line = { edge, operation, from, to };
      if (to === 'open') log.warn(line, 'a circuit opens: calls fail, and are not tried for a while');
      else log.info(line, to === 'half-open' ? 'a circuit lets a probe through' : 'a circuit closes: calls succeed again');
    },
    budgetEmpty: (edge) => standard.retryBudgetEmpty.add(1, { edge }),
    expiredInQueue: (edge) => standard.callsRejected.add(1, { edge, reason: 'expired in the queue' }),
    queued: (edge, waiting) => void queues.set(edge, { value: waiting, labels: { edge } }),
    rejected: (edge, _operation, reason) => standard.callsRejected.add(1, { edge, reason }),
    unawaited: (edge, operation, error) =>
      log.error({ err: error, edge, operation }, 'a call failed that the handler did not await; its answer stands'),
    fallback: (edge, operation) => standard.callFallbacks.add(1, { edge, operation }),
  };
}
