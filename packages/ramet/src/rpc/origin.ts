import type { Operation } from '../contract/index.ts';
import type { RametError } from '../errors/index.ts';
import type { Duration } from '../platform/index.ts';
import type { CallMeta, Cancellation, StepMeta } from './call.ts';

/** Options of one call, which override its policy. */
export interface CallOptions<Fallback = unknown> {
  readonly timeout?: Duration;
  /** Replaces a fault: a value, or a function of the error. Declared failures are answers and are not replaced. */
  readonly fallback?: Fallback | ((error: RametError) => Fallback | Promise<Fallback>);
  /** Makes a command safe to repeat: a command takes effect once per key. */
  readonly key?: string;
}

/** Options of the saga engine, which has its own retries and marks a call as a step. */
export interface EdgeOptions extends CallOptions {
  readonly timeoutMs?: number;
  readonly step?: StepMeta;
  readonly durable?: boolean;
  /** See {@link CallMeta.suspect}. */
  readonly suspect?: boolean;
  /** Identifies a call without a key: the same in each repetition. */
  readonly witness?: string;
  /** How long ago the call was first made, in milliseconds. */
  readonly ageMs?: number;
}

/** The operation that a call is for, as its caller declares it. */
export interface Called extends Pick<Operation, 'kind' | 'service' | 'name'> {
  /** Selects what people may read of the data of a declared failure. Callers that show none of it omit the function. */
  readonly shown?: (error: string, data: unknown) => unknown;
}

/** The origin of a call: what the call inherits. */
export interface CallOrigin {
  readonly meta: Omit<CallMeta, 'timeoutMs' | 'key' | 'step'>;
  /** The milliseconds until the deadline of the caller; Infinity without one. */
  remainingMs(): number;
  /** Aborts when the caller is cancelled. It is read only while a call is under way. */
  readonly signal: AbortSignal | undefined;
  /** The cancellation of the caller, if known: it is followed without creating a signal. */
  readonly cancellation?: Cancellation;
}
