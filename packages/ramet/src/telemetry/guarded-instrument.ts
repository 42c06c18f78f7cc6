import { type Instrument, NO_SPAN, type Span, type Work } from './instrument.ts';
import type { EventLog } from './log.ts';
import type { Note } from './notes.ts';
import type { Trace } from './trace-context.ts';

/**
 * Finds what keeps a value from being an instrument, at boot.
 * @example
 * problems.push(...instrumentProblems(options.instrument));
 */
export function instrumentProblems(value: unknown): string[] {
  if (value === undefined) return [];
  if (typeof value !== 'object' || value === null)
    return ["instrument: must be an object with 'spans' (true or false) and a function 'begin', and may have a function 'note'"];
  const { spans, begin, note } = value as Partial<Record<keyof Instrument, unknown>>;
  const problems: string[] = [];
  if (typeof spans !== 'boolean') problems.push("instrument: 'spans' must be true or false");
  if (typeof begin !== 'function') problems.push("instrument: 'begin' must be a function");
  if (note !== undefined && typeof note !== 'function') problems.push("instrument: 'note' must be a function, or absent");
  return problems;
}

/**
 * Wraps an instrument of a user, which is called in the middle of transactions and calls, so that its failure cannot become theirs.
 * The first failure is logged and switches the instrument off: the work continues without it. The framework's own instruments are not
 * wrapped.
 */
export function guarded(instrument: Instrument, log: EventLog): Instrument {
  const guard = new Guard(instrument, log);
  return {
    spans: instrument.spans,
    begin: (work, trace, id) => guard.begin(work, trace, id),
    note: instrument.note && ((note) => guard.note(note)),
  };
}

class Guard {
  readonly #instrument: Instrument;
  readonly #log: EventLog;
  #on = true;

  constructor(instrument: Instrument, log: EventLog) {
    this.#instrument = instrument;
    this.#log = log;
  }

  get on(): boolean {
    return this.#on;
  }

  begin(work: Work, trace: Trace, id: string | undefined): Span {
    if (!this.#on) return NO_SPAN;
    try {
      const span = this.#instrument.begin(work, trace, id);
      if (span === NO_SPAN) return span;
      if (typeof span?.under !== 'function' || typeof span.end !== 'function')
        throw new TypeError(`'begin' must return a span, with functions 'under' and 'end', and returned ${String(span)}`);
      return new GuardedSpan(this, span);
    } catch (error) {
      this.failed('begin', error);
      return NO_SPAN;
    }
  }

  note(note: Note): void {
    if (!this.#on) return;
    try {
      this.settle('note', this.#instrument.note?.(note));
    } catch (error) {
      this.failed('note', error);
    }
  }

  /** An async function fits the types too, and its rejection would end the process. */
  settle(method: string, returned: unknown): void {
    if (returned instanceof Promise) returned.catch((error) => this.failed(method, error));
  }

  failed(method: string, error: unknown): void {
    if (!this.#on) return;
    this.#on = false;
    this.#log.event('instrument_failed', { err: error, method });
  }
}

class GuardedSpan implements Span {
  readonly #guard: Guard;
  readonly #span: Span;

  constructor(guard: Guard, span: Span) {
    this.#guard = guard;
    this.#span = span;
  }

  under(trace: Trace): Trace {
    if (!this.#guard.on) return trace;
    try {
      const within = this.#span.under(trace);
      if (typeof within?.traceparent === 'string' && typeof within.correlationId === 'string') return within;
      throw new TypeError(`'under' must return a trace context, and returned ${String(within)}`);
    } catch (error) {
      this.#guard.failed('under', error);
      return trace;
    }
  }

  end(outcome: string, error?: unknown, name?: string): void {
    if (!this.#guard.on) return;
    try {
      this.#guard.settle('end', this.#span.end(outcome, error, name));
    } catch (thrown) {
      this.#guard.failed('end', thrown);
    }
  }
}
