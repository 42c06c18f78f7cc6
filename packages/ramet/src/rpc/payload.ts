import { RametError } from '../errors/index.ts';
import { encodeJson, type JsonError } from '../platform/index.ts';
import { type CallMeta, type Fault, fault, type Target } from './call.ts';

/**
 * A call as text: a list of service, operation, remaining milliseconds, depth, correlation id, traceparent, an object of what
 * only some calls have (or 0), and the input, where there is one.
 * @throws JsonError when the input cannot travel
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

/** The fault of a call whose input is not sent, or not taken. */
export const notSent = (target: Target, error: JsonError | string): Fault =>
  fault(
    new RametError('BadRequest', `the input of ${target.service}.${target.operation} cannot be sent: ${messageOf(error)}`, {
      executed: 'no',
    }),
  );

/** The fault of a call that was answered with what cannot travel. */
export const notAnswered = (what: string, error: JsonError | string): Fault =>
  fault(new RametError('InvalidOutput', `the answer of ${what} cannot be sent: ${messageOf(error)}`));

export const tooLarge = (what: string, limitBytes: number, executed: Fault['executed']): Fault =>
  fault(new RametError('PayloadTooLarge', `${what} is larger than ${limitBytes} bytes`, { executed }));

const messageOf = (error: JsonError | string): string => (typeof error === 'string' ? error : error.message);
