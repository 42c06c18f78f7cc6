import { newId, type Platform } from '../platform/index.ts';

/** Marks a trace that begins in this process. A symbol, because what is stored and what is sent must not carry it. */
export const ROOT: unique symbol = Symbol('root');

/** The context that follows a piece of work through calls, events and sagas. */
export interface Trace {
  /** The same for everything that one request from outside caused; people search logs by it. */
  readonly correlationId: string;
  /** The direct cause of this work: the id of an event, or the key of a step or request. */
  readonly causationId?: string;
  /** W3C Trace Context: the trace, and in it the piece of work that caused this one. Joins the traces of other systems. */
  readonly traceparent: string;
  /** Set on a trace that begins here: no piece of work caused it, and the first one takes the id in `traceparent`. Never leaves the process. */
  readonly [ROOT]?: true;
}

/** The parts of a `traceparent` header. */
export interface Traceparent {
  readonly traceId: string;
  readonly parentId: string;
  readonly flags: number;
  readonly sampled: boolean;
}

/** What a caller sent of a trace, unchecked. */
export interface NewTraceOptions {
  readonly correlationId?: string | undefined;
  readonly causationId?: string | undefined;
  readonly traceparent?: string | undefined;
}

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-.*)?$/;
const NO_TRACE = '0'.repeat(32);
const NO_PARENT = '0'.repeat(16);
const SAMPLED = 0x01;
/** Sampled and, of level 2 of the standard, "the trace id is random"; the standard wants all others sent as zero. */
const KNOWN_FLAGS = 0x03;

/** What a client may send as a correlation id: short, and harmless in headers, logs and addresses. */
const CORRELATION_ID = /^[A-Za-z0-9][A-Za-z0-9._:+/=-]{0,127}$/;

const HEX: readonly string[] = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, '0'));

/**
 * Reads a `traceparent` header of version 00, or of a later version, which must begin in the same way.
 * @returns undefined when it is malformed: the standard then requires a new trace
 */
export function parseTraceparent(header: string | undefined): Traceparent | undefined {
  const match = header === undefined ? null : TRACEPARENT.exec(header);
  if (!match) return undefined;
  const [, version, traceId, parentId, flagsHex, rest] = match as unknown as [string, string, string, string, string, string | undefined];
  if (version === 'ff' || (version === '00' && rest !== undefined)) return undefined;
  if (traceId === NO_TRACE || parentId === NO_PARENT) return undefined;
  const flags = Number.parseInt(flagsHex, 16) & KNOWN_FLAGS;
  return { traceId, parentId, flags, sampled: (flags & SAMPLED) !== 0 };
}

/** Begins a trace. */
export function newTraceparent(platform: Platform, sampled = true): string {
  return `00-${randomHex(platform, 16)}-${randomHex(platform, 8)}-${sampled ? '01' : '00'}`;
}

/** Makes a span below `parent`, or begins a trace when `parent` is malformed. */
export function childTraceparent(platform: Platform, parent: string): string {
  const parsed = parseTraceparent(parent);
  if (!parsed) return newTraceparent(platform);
  return `00-${parsed.traceId}-${randomHex(platform, 8)}-${HEX[parsed.flags]}`;
}

/** The ids of one piece of work within its trace. */
export interface SpanContext {
  readonly traceId: string;
  readonly spanId: string;
  /** The piece that caused it; undefined for the first piece of a trace. */
  readonly parentId: string | undefined;
  readonly sampled: boolean;
  /** The context for what this piece causes. */
  readonly traceparent: string;
}

/**
 * Gives a piece of work its ids: below the piece that `trace` names, or those of the trace itself where it begins with this piece.
 * @example
 * const { spanId, parentId, traceparent } = spanContext(platform, trace);
 */
export function spanContext(platform: Platform, trace: Trace): SpanContext {
  const begins = trace[ROOT] === true;
  const traceparent = begins ? trace.traceparent : childTraceparent(platform, trace.traceparent);
  const { traceId, parentId: spanId, sampled } = parseTraceparent(traceparent) as Traceparent;
  const parent = begins ? undefined : parseTraceparent(trace.traceparent);
  return { traceId, spanId, parentId: parent?.traceId === traceId ? parent.parentId : undefined, sampled, traceparent };
}

/** Whether text from outside may be used as a correlation id. */
export function isCorrelationId(text: string): boolean {
  return CORRELATION_ID.test(text);
}

/** Makes the trace of a piece of work: continues what the caller sent as far as that is well-formed, and begins the rest. */
export function newTrace(platform: Platform, { correlationId, causationId, traceparent }: NewTraceOptions = {}): Trace {
  const parent = parseTraceparent(traceparent);
  return {
    correlationId: correlationId !== undefined && isCorrelationId(correlationId) ? correlationId : newId(platform, 'cor'),
    ...(causationId === undefined ? {} : { causationId }),
    ...(parent
      ? { traceparent: `00-${parent.traceId}-${parent.parentId}-${HEX[parent.flags]}` }
      : { traceparent: newTraceparent(platform), [ROOT]: true as const }),
  };
}

function randomHex(platform: Platform, count: number): string {
  let text = '';
  let any = 0;
  for (const byte of platform.random.bytes(count)) {
    text += HEX[byte];
    any |= byte;
  }
  // All zeros means "none" in the standard, and a simulated platform may draw it.
  return any === 0 ? `${text.slice(0, -1)}1` : text;
}
