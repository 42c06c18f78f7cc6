import type { Platform } from '../platform/index.ts';
import { type Instrument, NO_SPAN, type Note, type Span, spanContext, type Trace, type Work } from './index.ts';

/** An instrument that takes notes and nothing else. */
export const noting = (note: (note: Note) => void): Instrument => ({ spans: false, begin: () => NO_SPAN, note });

/** One piece of work as it was seen. */
export interface Seen {
  readonly kind: Work['kind'];
  readonly name: string;
  readonly id: string | undefined;
  readonly traceId: string;
  readonly spanId: string;
  /** The piece that caused it; undefined for what begins a trace. */
  readonly parentId: string | undefined;
  readonly correlationId: string;
  /** Undefined while it is under way. */
  outcome: string | undefined;
  /** How often it was ended. */
  ends: number;
}

/** Makes a span of each piece of work and keeps them all: what an exporter would send. */
export class Recorder implements Instrument {
  readonly spans = true;
  readonly seen: Seen[] = [];
  readonly #platform: Platform;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  begin(work: Work, trace: Trace, id?: string): Span {
    const { traceId, spanId, parentId, traceparent } = spanContext(this.#platform, trace);
    const { correlationId } = trace;
    const seen: Seen = { kind: work.kind, name: work.name, id, traceId, spanId, parentId, correlationId, outcome: undefined, ends: 0 };
    this.seen.push(seen);
    return {
      under: ({ correlationId, causationId }) => ({ correlationId, ...(causationId === undefined ? {} : { causationId }), traceparent }),
      end: (outcome) => {
        seen.outcome = outcome;
        seen.ends++;
      },
    };
  }
}
