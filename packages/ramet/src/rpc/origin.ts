import type { Operation } from '../contract/index.ts';
import type { RametError } from '../errors/index.ts';
import type { Duration } from '../platform/index.ts';
import type { CallMeta, Cancellation, StepMeta } from './call.ts';

/** What one call may change of its policy. */
export interface CallOptions<Fallback = unknown> {
  readonly timeout?: Duration;
  /** Answered instead of a fault, a value or what a function makes of the error; declared failures are answers and pass through. */
  readonly fallback?: Fallback | ((error: RametError) => Fallback | Promise<Fallback>);
  /** Makes a command safe to repeat: the same key has one effect. */
  readonly key?: string;
}

/** As the saga engine calls: it has its own retries, and marks the call as a step. */
export interface EdgeOptions extends CallOptions {
  readonly timeoutMs?: number;
  readonly step?: StepMeta;
  readonly durable?: boolean;
  /** See {@link CallMeta.suspect}. */
  readonly suspect?: boolean;
  /** What the call is known by where it has no key: the same in each repetition of it. */
  readonly witness?: string;
  /** How long ago it was asked for first, in milliseconds. */
  readonly ageMs?: number;
}

export interface Called extends Pick<Operation, 'kind' | 'service' | 'name'> {
  /** What people may read of the data of a declared failure; left out by callers that show none of it. */
  readonly shown?: (error: string, data: unknown) => unknown;
}

/** Where a call comes from: what it inherits. */
export interface CallOrigin {
  readonly meta: Omit<CallMeta, 'timeoutMs' | 'key' | 'step'>;
  /** Milliseconds until the caller's own deadline; Infinity where it has none. */
  remainingMs(): number;
  /** Aborts when the caller goes away; asked for only while a call is under way. */
  readonly signal: AbortSignal | undefined;
  /** The same, where the caller has it: followed without making a signal. */
  readonly cancellation?: Cancellation;
}
