import type { HostObserver } from '../service/index.ts';
import type { StandardMetrics } from '../telemetry/index.ts';

/** Turns what services do into metrics, and tells `other` as well. */
export function observerOf(standard: StandardMetrics, other: Partial<HostObserver> = {}): HostObserver {
  const metrics = metricsOf(standard);
  return {
    call(...told) {
      metrics.call(...told);
      other.call?.(...told);
    },
    shed(...told) {
      metrics.shed(...told);
      other.shed?.(...told);
    },
    event(...told) {
      metrics.event(...told);
      other.event?.(...told);
    },
    missed(...told) {
      metrics.missed(...told);
      other.missed?.(...told);
    },
    scheduleRun(...told) {
      metrics.scheduleRun(...told);
      other.scheduleRun?.(...told);
    },
    sagaFinished(...told) {
      metrics.sagaFinished(...told);
      other.sagaFinished?.(...told);
    },
    sagaStep(...told) {
      metrics.sagaStep(...told);
      other.sagaStep?.(...told);
    },
  };
}

function metricsOf(standard: StandardMetrics): HostObserver {
  return {
    call: (service, operation, outcome, ms) => standard.callDuration.record(ms / 1_000, { service, operation, outcome }),
    shed: (service, priority) => standard.callsShed.add(1, { service, priority }),
    event(subscriber, event, outcome) {
      standard.eventsHandled.add(1, { subscriber, event, outcome });
      if (outcome === 'dead' || outcome === 'halted') standard.deadLetters.add(1, { subscriber, event });
    },
    missed: (subscriber, source, positions) => standard.eventsMissed.add(positions, { subscriber, source }),
    scheduleRun: (service, schedule, outcome) => standard.scheduleRuns.add(1, { service, schedule, outcome }),
    sagaFinished: (saga, state) => standard.sagasFinished.add(1, { saga, state }),
    sagaStep: (saga, step, outcome, ms) => standard.sagaStepDuration.record(ms / 1_000, { saga, step, outcome }),
  };
}
