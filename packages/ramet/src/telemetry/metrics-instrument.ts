import { type Platform, SECOND } from '../platform/index.ts';
import { type Instrument, NO_SPAN, type Span, type Work } from './instrument.ts';
import type { Labels } from './metric-series.ts';
import type { Histogram } from './metrics.ts';
import type { CircuitState, Note } from './notes.ts';
import type { StandardMetrics } from './standard-metrics.ts';

const CIRCUIT_VALUES: Readonly<Record<CircuitState, number>> = { closed: 0, 'half-open': 1, open: 2 };
/** How a process leaves a saga that has not ended. */
export const SAGA_RELEASED = 'released';
/** How an attempt at an event ends that came to nothing: the event is delivered again. */
export const DELIVERED_AGAIN = 'again';

/** Counts and times what a process does, under the names of {@link standardMetrics}. */
export function metricsInstrument(standard: StandardMetrics, platform: Platform): Instrument {
  const counting = new Counting(standard, platform);
  return { spans: false, begin: (work) => counting.begin(work), note: (note) => counting.note(note) };
}

type Timed = Histogram<'service' | 'operation' | 'outcome'> | Histogram<'saga' | 'step' | 'outcome'>;

class Counting {
  readonly #standard: StandardMetrics;
  readonly #platform: Platform;
  /** What counts a work that needs no duration: one for all of its pieces. */
  readonly #counted = new WeakMap<Work, Span>();
  readonly #outcomes = new WeakMap<Work, Outcomes>();
  readonly #circuits = new Map<string, { value: number; labels: { edge: string; operation: string } }>();
  readonly #queues = new Map<string, { value: number; labels: { edge: string } }>();
  readonly #services = new Map<string, { service: string }>();

  constructor(standard: StandardMetrics, platform: Platform) {
    this.#standard = standard;
    this.#platform = platform;
    standard.circuitStates(() => [...this.#circuits.values()]);
    standard.bulkheadQueues(() => [...this.#queues.values()]);
  }

  begin(work: Work): Span {
    const { callDuration, sagaStepDuration } = this.#standard;
    switch (work.kind) {
      case 'operation':
        return new TimedSpan(callDuration as Timed, this.#outcomesOf(work), this.#platform);
      case 'step':
        return new TimedSpan(sagaStepDuration as Timed, this.#outcomesOf(work), this.#platform);
      case 'delivery':
      case 'saga':
      case 'schedule':
        return this.#countedOf(work);
      default:
        return NO_SPAN;
    }
  }

  #outcomesOf(work: Work): Outcomes {
    let outcomes = this.#outcomes.get(work);
    if (!outcomes) {
      outcomes = new Outcomes(work.labels);
      this.#outcomes.set(work, outcomes);
    }
    return outcomes;
  }

  #countedOf(work: Work): Span {
    let span = this.#counted.get(work);
    if (!span) {
      span = this.#counterOf(work);
      this.#counted.set(work, span);
    }
    return span;
  }

  /** Apart, because a function that makes a closure costs memory even when it makes none. */
  #counterOf(work: Work): Span {
    const outcomes = this.#outcomesOf(work);
    return { under: (trace) => trace, end: (outcome) => this.#count(work, outcomes, outcome) };
  }

  #count(work: Work, outcomes: Outcomes, outcome: string): void {
    const { eventsHandled, deadLetters, sagasFinished, scheduleRuns } = this.#standard;
    if (work.kind === 'delivery') {
      if (outcome === DELIVERED_AGAIN) return;
      eventsHandled.add(1, outcomes.labels(outcome) as never);
      if (outcome === 'dead' || outcome === 'halted') deadLetters.add(1, work.labels as never);
    } else if (work.kind === 'schedule') {
      // A run that another process was quicker to do is counted there.
      if (outcome !== 'elsewhere') scheduleRuns.add(1, outcomes.labels(outcome) as never);
    } else if (outcome !== SAGA_RELEASED) sagasFinished.add(1, { saga: work.labels['saga'] as string, state: outcome });
  }

  note(note: Note): void {
    const { circuitTransitions, callRetries, retryBudgetEmpty, callsRejected, callFallbacks } = this.#standard;
    switch (note.what) {
      case 'commit':
        this.#commit(note);
        break;
      case 'circuit':
        this.#circuits.set(`${note.edge} ${note.operation}`, {
          value: CIRCUIT_VALUES[note.to],
          labels: { edge: note.edge, operation: note.operation },
        });
        circuitTransitions.add(1, { edge: note.edge, operation: note.operation, to: note.to });
        break;
      case 'queue':
        this.#queues.set(note.edge, { value: note.waiting, labels: { edge: note.edge } });
        break;
      case 'retry':
        callRetries.add(1, { edge: note.edge });
        break;
      case 'budget empty':
        retryBudgetEmpty.add(1, { edge: note.edge });
        break;
      case 'expired in queue':
        callsRejected.add(1, { edge: note.edge, reason: 'expired in the queue' });
        break;
      case 'rejected':
        callsRejected.add(1, { edge: note.edge, reason: note.code });
        break;
      case 'fallback':
        callFallbacks.add(1, { edge: note.edge, operation: note.operation });
        break;
      case 'caller left':
        this.#forget(note.caller);
        break;
      default:
        this.#refused(note);
    }
  }

  /** Shows the circuits and queues of a caller no longer. */
  #forget(caller: string): void {
    for (const shown of [this.#circuits, this.#queues])
      for (const edge of shown.keys()) if (edge.startsWith(`${caller}->`)) shown.delete(edge);
  }

  /** What a process turned away, or could not do. */
  #refused(note: Note): void {
    const { callsShed, requestsShed, limitsUncounted, eventsMissed } = this.#standard;
    if (note.what === 'call shed') callsShed.add(1, { service: note.service, priority: note.priority });
    else if (note.what === 'request shed') requestsShed.add(1, { gateway: note.gateway, priority: note.priority });
    else if (note.what === 'limit uncounted') limitsUncounted.add(1, { gateway: note.gateway, answer: note.answer });
    else if (note.what === 'events missed') eventsMissed.add(note.positions, { subscriber: note.subscriber, source: note.source });
  }

  #commit({ service, ms, transactions }: Extract<Note, { what: 'commit' }>): void {
    let labels = this.#services.get(service);
    if (!labels) {
      labels = { service };
      this.#services.set(service, labels);
    }
    this.#standard.storeCommitDuration.record(ms / SECOND, labels);
    this.#standard.storeBatchSize.record(transactions, labels);
  }
}

/** The labels of one work, by outcome, each made once. */
class Outcomes {
  readonly #labels: Labels;
  readonly #by = new Map<string, Labels>();

  constructor(labels: Labels) {
    this.#labels = labels;
  }

  labels(outcome: string): Labels {
    let labels = this.#by.get(outcome);
    if (!labels) {
      labels = { ...this.#labels, outcome };
      this.#by.set(outcome, labels);
    }
    return labels;
  }
}

class TimedSpan implements Span {
  readonly #histogram: Timed;
  readonly #outcomes: Outcomes;
  readonly #platform: Platform;
  readonly #startedMono: number;

  constructor(histogram: Timed, outcomes: Outcomes, platform: Platform) {
    this.#histogram = histogram;
    this.#outcomes = outcomes;
    this.#platform = platform;
    this.#startedMono = platform.clock.monoNow();
  }

  under<T>(trace: T): T {
    return trace;
  }

  end(outcome: string): void {
    const seconds = (this.#platform.clock.monoNow() - this.#startedMono) / SECOND;
    this.#histogram.record(seconds, this.#outcomes.labels(outcome) as never);
  }
}
