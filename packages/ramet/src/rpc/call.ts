import { type DeclaredError, type ErrorCode, type Issue, RametError } from '../errors/index.ts';
import type { Caller } from '../security/index.ts';
import type { Trace } from '../telemetry/index.ts';

/** What travels beside the input of a call. */
export interface CallMeta {
  readonly caller: Caller;
  readonly trace: Trace;
  /** The time that remains, in milliseconds: never a moment, because clocks of two machines differ. */
  readonly timeoutMs: number;
  /** How many calls led here. */
  readonly depth: number;
  /** The idempotency key of a client's request. */
  readonly key?: string;
  /** Which attempt of its caller this is, when it is not the first. */
  readonly attempt?: number;
  /** Somebody further out repeats what fails: whoever repeated it here too would multiply the attempts. */
  readonly noRetry?: boolean;
  /** Whoever calls comes again until it is done: an effect has no deadline then. */
  readonly durable?: boolean;
  /**
   * How long ago this was asked for first, in milliseconds, where the framework repeats it until it knows the outcome: whoever
   * does not know the key (any more) can tell whether it may have been forgotten.
   */
  readonly ageMs?: number;
  /** An earlier attempt may have ended the process that ran it: starts of this one are counted. */
  readonly suspect?: boolean;
  /** Set by the saga engine only. */
  readonly step?: StepMeta;
}

/** Marks a call as a step of a saga, or as its undo: the participant keeps a fence under `key`. */
export interface StepMeta {
  readonly key: string;
  /** The epoch of the saga's owner: a participant refuses one that is older than it has seen. */
  readonly epoch: number;
  readonly undo: boolean;
  /** Why it is undone. */
  readonly reason?: string;
  /** What an operator found out about an effect in doubt. */
  readonly resolution?: 'applied' | 'absent';
  /** How long the step as a whole may still take, all attempts together; an effect stops trying then. */
  readonly remainingMs?: number;
}

export interface Target {
  readonly service: string;
  readonly operation: string;
  /** One of {@link TransportRoutes.instances}, when the caller has chosen among several. */
  readonly instance?: string;
}

export interface Fault {
  readonly ok: false;
  readonly kind: 'fault';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly issues: readonly Issue[];
  /** 'no' when the handler certainly had no effect. */
  readonly executed: 'no' | 'unknown';
  readonly retryAfterMs?: number;
  /** The service is stopped in good order: that says nothing about its health, so breakers do not count it. */
  readonly stopped?: true;
}

export interface DeclaredReply {
  readonly ok: false;
  readonly kind: 'declared';
  readonly error: string;
  readonly status: number;
  readonly data: unknown;
}

export type Reply = { readonly ok: true; readonly value: unknown } | DeclaredReply | Fault;

/** What the text of a call with its metadata, of a reply, or of one answer of a stream may have at most, unless a transport says otherwise. */
export const PAYLOAD_BYTES = 4 * 1024 * 1024;
/** In characters: of an idempotency key, and of the key of a step. */
export const KEY_LENGTH_MAX = 4_096;

/** What hosts a service: runs operations by name. Never rejects; whatever happens is a reply. */
export interface Dispatcher {
  call(operation: string, input: unknown, meta: CallMeta, signal: Cancellation): Promise<Reply>;
  /** The answers of a stream, each encoded; ends with a fault or a declared failure when there is one. */
  stream(operation: string, input: unknown, meta: CallMeta, signal: Cancellation): AsyncIterable<Reply>;
}

/** A signal that is made only when somebody looks at it: most calls end before anybody does. */
export interface Cancellation {
  readonly signal: AbortSignal;
}

export const fault = (error: RametError): Fault => ({
  ok: false,
  kind: 'fault',
  code: error.code,
  detail: error.message,
  issues: error.issues,
  executed: error.executed,
  ...(error.retryAfterMs === undefined ? {} : { retryAfterMs: error.retryAfterMs }),
});

/** The answer for a service that does not run in this process. */
export const stopped = (service: string): Fault => ({
  ok: false,
  kind: 'fault',
  code: 'Unavailable',
  detail: `service '${service}' does not run in this process`,
  issues: [],
  executed: 'no',
  stopped: true,
});

export const declared = (error: DeclaredError): DeclaredReply => ({
  ok: false,
  kind: 'declared',
  error: error.error,
  status: error.status,
  data: error.data,
});

/** What came of a call, in one of few words: `ok`, the name of a declared failure, or the code of a fault. */
export const replyOutcome = (reply: Reply): string => (reply.ok ? 'ok' : reply.kind === 'declared' ? reply.error : reply.code);

/** The error that a fault stands for. */
export const errorOf = (reply: Fault): RametError =>
  new RametError(reply.code, reply.detail, {
    issues: reply.issues,
    executed: reply.executed,
    ...(reply.retryAfterMs === undefined ? {} : { retryAfterMs: reply.retryAfterMs }),
  });
