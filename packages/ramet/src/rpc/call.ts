import { type DeclaredError, type ErrorCode, type Issue, RametError } from '../errors/index.ts';
import type { Caller } from '../security/index.ts';
import type { Trace } from '../telemetry/index.ts';

/** What travels beside the input of a call. */
export interface CallMeta {
  readonly caller: Caller;
  readonly trace: Trace;
  /** The remaining time in milliseconds; never a point in time, because the clocks of two machines differ. */
  readonly timeoutMs: number;
  /** The number of calls in the chain that led here. */
  readonly depth: number;
  /** The idempotency key of a client's request. */
  readonly key?: string;
  /** The number of this attempt of its caller, when it is not the first. */
  readonly attempt?: number;
  /** A caller further out repeats failed calls. Repeating them here too would multiply the attempts. */
  readonly noRetry?: boolean;
  /** The caller repeats the call until it is done, so an effect needs no deadline. */
  readonly durable?: boolean;
  /**
   * How long ago this call was first made, in milliseconds, where the framework repeats it until it knows the outcome. A service
   * that does not know the key sees from it whether the key may have expired.
   */
  readonly ageMs?: number;
  /** An earlier attempt may have crashed the process that ran it, so the starts of this attempt are counted. */
  readonly suspect?: boolean;
  /** Set by the saga engine only. */
  readonly step?: StepMeta;
}

/** Marks a call as a step of a saga, or as its undo: the participant keeps a fence under `key`. */
export interface StepMeta {
  readonly key: string;
  /** The epoch of the saga's owner: a participant refuses an epoch older than one it has seen. */
  readonly epoch: number;
  readonly undo: boolean;
  /** The reason for the undo. */
  readonly reason?: string;
  /** What an operator found about an effect in doubt. */
  readonly resolution?: 'applied' | 'absent';
  /** The remaining time of the step as a whole, all attempts together. An effect stops trying after it. */
  readonly remainingMs?: number;
}

/** The operation that a call is for. */
export interface Target {
  readonly service: string;
  readonly operation: string;
  /** One of {@link TransportRoutes.instances}, when the caller has chosen among several. */
  readonly instance?: string;
}

/** A failure that the contract does not declare: of the network, of a policy, or of the handler. */
export interface Fault {
  readonly ok: false;
  readonly kind: 'fault';
  readonly code: ErrorCode;
  readonly detail: string;
  readonly issues: readonly Issue[];
  /** `no` means that the handler certainly had no effect. */
  readonly executed: 'no' | 'unknown';
  readonly retryAfterMs?: number;
  /** The service is stopped in good order: that says nothing about its health, so breakers do not count it. */
  readonly stopped?: true;
}

/** A failure that the contract of the operation declares. */
export interface DeclaredReply {
  readonly ok: false;
  readonly kind: 'declared';
  readonly error: string;
  readonly status: number;
  readonly data: unknown;
}

/** The outcome of a call, as data. */
export type Reply = { readonly ok: true; readonly value: unknown } | DeclaredReply | Fault;

/** The maximum size of one text (a call with its metadata, a reply, or one answer of a stream), unless a transport sets another one. */
export const PAYLOAD_BYTES = 4 * 1024 * 1024;
/** The maximum length of an idempotency key and of the key of a step, in characters. */
export const KEY_LENGTH_MAX = 4_096;

/** Runs the operations of one hosted service, by name. Never rejects: every outcome is a reply. */
export interface Dispatcher {
  call(operation: string, input: unknown, meta: CallMeta, signal: Cancellation): Promise<Reply>;
  /** Runs a stream. Each reply is one answer; a fault or a declared failure is the last one. */
  stream(operation: string, input: unknown, meta: CallMeta, signal: Cancellation): AsyncIterable<Reply>;
}

/** A signal that is created on first access, because most calls end before any code needs it. */
export interface Cancellation {
  readonly signal: AbortSignal;
}

/** Turns an error into the fault that stands for it. */
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
export const stopped = (service: string, detail = `service '${service}' does not run in this process`): Fault => ({
  ok: false,
  kind: 'fault',
  code: 'Unavailable',
  detail,
  issues: [],
  executed: 'no',
  stopped: true,
});

/** Turns a declared failure into its reply. */
export const declared = (error: DeclaredError): DeclaredReply => ({
  ok: false,
  kind: 'declared',
  error: error.error,
  status: error.status,
  data: error.data,
});

/** Names the outcome of a call: `ok`, the name of a declared failure, or the code of a fault. */
export const replyOutcome = (reply: Reply): string => (reply.ok ? 'ok' : reply.kind === 'declared' ? reply.error : reply.code);

/** Turns a fault into the error that it stands for. */
export const errorOf = (reply: Fault): RametError =>
  new RametError(reply.code, reply.detail, {
    issues: reply.issues,
    executed: reply.executed,
    ...(reply.retryAfterMs === undefined ? {} : { retryAfterMs: reply.retryAfterMs }),
  });
