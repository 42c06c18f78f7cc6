import { ERRORS, type ErrorCode, type Issue } from '../errors/index.ts';
import { decodeJson, encodeJson, JsonError } from '../platform/index.ts';
import { type CallMeta, type DeclaredReply, type Fault, KEY_LENGTH_MAX, type Reply, type StepMeta, type Target } from './call.ts';

/** The kinds of reply. A transport sends the kind beside the text. */
export const OUTCOME = { value: 0, declared: 1, fault: 2 } as const;

/** Ends a connection: what arrived over it violates its protocol. */
export class ProtocolError extends Error {
  constructor(message: string) {
    super(message);
    this.name = 'ProtocolError';
  }
}

/** A call as read from its text. The text never names the caller; the token does. */
export interface IncomingCall {
  readonly service: string;
  readonly operation: string;
  readonly meta: Omit<CallMeta, 'caller'>;
  readonly input: unknown;
}

const NAME_MAX = 200;
const TRACE_MAX = 512;
const DETAIL_MAX = 16_384;
const ISSUES_MAX = 1_000;

/**
 * Writes a call as text: a list of service, operation, remaining milliseconds, depth, correlation id, traceparent, an object of
 * the fields that only some calls have (or 0), and the input, where there is one.
 * @throws JsonError when JSON cannot carry the input
 */
export function encodeRequest(target: Target, input: unknown, meta: CallMeta): string {
  const { trace, depth } = meta;
  const timeoutMs = Math.floor(Math.min(meta.timeoutMs, Number.MAX_SAFE_INTEGER));
  const more = extras(meta);
  const list =
    input === undefined
      ? [target.service, target.operation, timeoutMs, depth, trace.correlationId, trace.traceparent, more]
      : [target.service, target.operation, timeoutMs, depth, trace.correlationId, trace.traceparent, more, input];
  return encodeJson(input, list);
}

function extras({ key, attempt, noRetry, durable, ageMs, suspect, step, trace: { causationId } }: CallMeta): object | 0 {
  if (key === undefined && step === undefined && causationId === undefined && attempt === undefined && !noRetry && !durable) return 0;
  return { key, attempt, noRetry, durable, ageMs, suspect, step, causationId };
}

/**
 * Reads a call. Unknown fields of `more` are ignored, so that later versions can add some.
 * @throws ProtocolError when the text is not a call; JsonError when a value in it is not allowed
 */
export function decodeRequest(text: string): IncomingCall {
  const list = parsed(text);
  if (!Array.isArray(list) || list.length < 7) throw new ProtocolError('a call is a list of seven or eight');
  const [service, operation, timeoutMs, depth, correlationId, traceparent, more, input] = list as unknown[];
  const known = typeof more === 'object' && more !== null ? (more as Record<string, unknown>) : {};
  const causationId = optional(known, 'causationId', KEY_LENGTH_MAX);
  const trace = { correlationId: string(correlationId, TRACE_MAX), traceparent: string(traceparent, TRACE_MAX) };
  const key = optional(known, 'key', KEY_LENGTH_MAX);
  const { attempt, ageMs, step } = known;
  return {
    service: string(service, NAME_MAX),
    operation: string(operation, NAME_MAX),
    meta: {
      trace: causationId === undefined ? trace : { ...trace, causationId },
      timeoutMs: natural(timeoutMs),
      depth: natural(depth),
      ...(key === undefined ? {} : { key }),
      ...(attempt === undefined ? {} : { attempt: natural(attempt) }),
      ...(known['noRetry'] === true ? { noRetry: true } : {}),
      ...(known['durable'] === true ? { durable: true } : {}),
      ...(ageMs === undefined ? {} : { ageMs: natural(ageMs) }),
      ...(known['suspect'] === true ? { suspect: true } : {}),
      ...(step === undefined ? {} : { step: stepOf(step) }),
    },
    input,
  };
}

function stepOf(given: unknown): StepMeta {
  if (typeof given !== 'object' || given === null) throw new ProtocolError('a step is an object');
  const step = given as Record<string, unknown>;
  const { undo, epoch, resolution, remainingMs } = step;
  if (typeof undo !== 'boolean') throw new ProtocolError('a step says whether it is undone');
  const reason = optional(step, 'reason', DETAIL_MAX);
  return {
    key: string(step['key'], KEY_LENGTH_MAX),
    epoch: natural(epoch),
    undo,
    ...(reason === undefined ? {} : { reason }),
    ...(resolution === 'applied' || resolution === 'absent' ? { resolution } : {}),
    ...(remainingMs === undefined ? {} : { remainingMs: number(remainingMs) }),
  };
}

/** Finds the {@link OUTCOME} of a reply. */
export function replyKind(reply: Reply): number {
  if (reply.ok) return OUTCOME.value;
  return reply.kind === 'declared' ? OUTCOME.declared : OUTCOME.fault;
}

/** Writes a reply as text, which is empty where the value is undefined. @throws JsonError when JSON cannot carry the value */
export function encodeReply(reply: Reply): string {
  if (reply.ok) return reply.value === undefined ? '' : encodeJson(reply.value);
  if (reply.kind === 'declared') return encodeJson(reply.data, { error: reply.error, status: reply.status, data: reply.data });
  const { code, detail, issues, executed, retryAfterMs } = reply;
  return JSON.stringify({ code, detail, issues, executed, retryAfterMs });
}

/** Reads a reply. @throws ProtocolError when the text is not a reply; JsonError when a value in it is not allowed */
export function decodeReply(outcome: number, text: string): Reply {
  const value = text === '' ? undefined : parsed(text);
  if (outcome === OUTCOME.value) return { ok: true, value };
  if (typeof value !== 'object' || value === null) throw new ProtocolError('a failure is an object');
  if (outcome === OUTCOME.declared) return declaredOf(value as Record<string, unknown>);
  if (outcome === OUTCOME.fault) return faultOf(value as Record<string, unknown>);
  throw new ProtocolError(`a reply of kind ${outcome}`);
}

function declaredOf({ error, status, data }: Record<string, unknown>): DeclaredReply {
  if (!Number.isInteger(status)) throw new ProtocolError('a declared failure has a status');
  return { ok: false, kind: 'declared', error: string(error, NAME_MAX), status: status as number, data };
}

/** Reads a fault. A code of a later version becomes `Internal`, because no code here can act on it. */
function faultOf(given: Record<string, unknown>): Fault {
  const { issues, executed, retryAfterMs } = given;
  const code = string(given['code'], NAME_MAX);
  const known = Object.hasOwn(ERRORS, code);
  const detail = String(given['detail'] ?? '').slice(0, DETAIL_MAX);
  return {
    ok: false,
    kind: 'fault',
    code: known ? (code as ErrorCode) : 'Internal',
    detail: known ? detail : `${code}: ${detail}`,
    issues: Array.isArray(issues) ? issues.slice(0, ISSUES_MAX).filter(isIssue) : [],
    executed: executed === 'no' ? 'no' : 'unknown',
    ...(typeof retryAfterMs === 'number' && retryAfterMs >= 0 ? { retryAfterMs } : {}),
  };
}

const isIssue = (given: unknown): given is Issue =>
  typeof given === 'object' &&
  given !== null &&
  typeof (given as { path?: unknown }).path === 'string' &&
  typeof (given as { message?: unknown }).message === 'string';

function parsed(text: string): unknown {
  try {
    return decodeJson(text);
  } catch (error) {
    if (error instanceof JsonError && error.noJson) throw new ProtocolError('a text that is not JSON');
    throw error;
  }
}

function string(given: unknown, max: number): string {
  if (typeof given !== 'string') throw new ProtocolError('a text was expected');
  if (given.length > max) throw new JsonError(`a name or key beside it is longer than ${max} characters`);
  return given;
}

function number(given: unknown): number {
  if (typeof given !== 'number') throw new ProtocolError('a number was expected');
  return given;
}

function natural(given: unknown): number {
  if (typeof given !== 'number' || !(given >= 0)) throw new ProtocolError('a number from 0 was expected');
  return given;
}

const optional = (of: Record<string, unknown>, name: string, max: number): string | undefined =>
  of[name] === undefined ? undefined : string(of[name], max);
