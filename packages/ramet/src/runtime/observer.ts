import type { HostObserver } from '../service/index.ts';
import type { StandardMetrics } from '../telemetry/index.ts';

/** Turns what services do into metrics. */
export function observerOf(standard: StandardMetrics): HostObserver {
  return {
    call: (service, operation, outcome, ms) => standard.callDuration.record(ms / 1_000, { service, operation, outcome }),
    event(subscriber, event, outcome) {
      standard.eventsHandled.add(1, { subscriber, event, outcome });
      if (outcome === 'dead') standard.deadLetters.add(1, { subscriber, event });
    },
    sagaFinished: (saga, state) => standard.sagasFinished.add(1, { saga, state }),
    sagaStep: (saga, step, outcome, ms) => standard.sagaStepDuration.record(ms / 1_000, { saga, step, outcome }),
  };
}
