import type { Labels } from './metric-series.ts';
import type { Note } from './notes.ts';
import type { Trace } from './trace-context.ts';

/** The kinds of work that begin and end, in the order in which a request meets them. */
export type WorkKind =
  | 'request'
  | 'call'
  | 'attempt'
  | 'operation'
  | 'stream'
  | 'transaction'
  | 'relay'
  | 'delivery'
  | 'reaction'
  | 'saga'
  | 'step'
  | 'effect'
  | 'schedule';

/** A kind of work with a name, such as the operation `orders.place`. One object stands for it, so that a listener can use it as a key. */
export interface Work {
  readonly kind: WorkKind;
  /** The name for people: `orders.place`. */
  readonly name: string;
  /** What it is counted by. The values must be few: a route, never an id. */
  readonly labels: Labels;
}

/** One piece of work that is under way. */
export interface Span {
  /** Returns the context of what this work causes: `trace` with this piece as its parent, or `trace` itself where no spans are made. */
  under(trace: Trace): Trace;
  /**
   * Ends the piece. Called once.
   * @param outcome one of few words: `ok`, an error code, a state
   * @param name a better name, where one came out only during the work, such as the route of a request
   */
  end(outcome: string, error?: unknown, name?: string): void;
}

/**
 * Listens to everything that a process does. Called synchronously on the way of the work: it must be quick. One that throws is switched off.
 * Metrics are one implementation; one that makes spans sees each piece of work with its right parent across calls, events and sagas,
 * in one process and in many.
 */
export interface Instrument {
  /** Whether {@link Span.under} changes the context. If not, transactions, relayed events and attempts at events need not be announced. */
  readonly spans: boolean;
  /**
   * Begins a piece of work.
   * @param trace what caused it
   * @param id the id of this piece: of an event, of a saga, the key of a step
   */
  begin(work: Work, trace: Trace, id?: string): Span;
  /** Notes what happened at one moment. Absent where nothing listens, so that a note without a reader is not made. */
  readonly note?: ((note: Note) => void) | undefined;
}

/** A piece of work to which nothing listens. One object for all of them: it costs nothing. */
export const NO_SPAN: Span = { under: (trace) => trace, end() {} };

/** Listens to nothing. */
export const silentInstrument: Instrument = { spans: false, begin: () => NO_SPAN };

/** Works of one kind that are counted by two labels, each made once. */
export class Works<First extends string, Second extends string> {
  readonly #kind: WorkKind;
  readonly #first: First;
  readonly #second: Second;
  readonly #known = new Map<string, Map<string, Work>>();

  constructor(kind: WorkKind, first: First, second: Second) {
    this.#kind = kind;
    this.#first = first;
    this.#second = second;
  }

  /** Finds the work, or makes it. Values must come from code: each pair is kept. */
  of(first: string, second: string): Work {
    let some = this.#known.get(first);
    if (!some) {
      some = new Map();
      this.#known.set(first, some);
    }
    let work = some.get(second);
    if (!work) {
      work = this.once(first, second);
      some.set(second, work);
    }
    return work;
  }

  /** Makes a work that is not kept: for values that come from outside. */
  once(first: string, second: string): Work {
    return { kind: this.#kind, name: `${first}.${second}`, labels: { [this.#first]: first, [this.#second]: second } };
  }
}

/** Makes one instrument of several. At most one of them should make spans. */
export function joined(...instruments: readonly (Instrument | undefined)[]): Instrument {
  const [first, ...others] = instruments.filter((one) => one !== undefined && one !== silentInstrument) as Instrument[];
  return others.reduce(pair, first ?? silentInstrument);
}

function pair(a: Instrument, b: Instrument): Instrument {
  const noteA = a.note;
  const noteB = b.note;
  return {
    spans: a.spans || b.spans,
    begin(work, trace, id) {
      const one = a.begin(work, trace, id);
      const other = b.begin(work, trace, id);
      if (one === NO_SPAN) return other;
      return other === NO_SPAN ? one : new BothSpans(one, other);
    },
    note:
      noteA && noteB
        ? (note) => {
            noteA(note);
            noteB(note);
          }
        : (noteA ?? noteB),
  };
}

class BothSpans implements Span {
  readonly #one: Span;
  readonly #other: Span;

  constructor(one: Span, other: Span) {
    this.#one = one;
    this.#other = other;
  }

  under(trace: Trace): Trace {
    return this.#other.under(this.#one.under(trace));
  }

  end(outcome: string, error?: unknown, name?: string): void {
    this.#one.end(outcome, error, name);
    this.#other.end(outcome, error, name);
  }
}
