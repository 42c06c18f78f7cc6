import { ERRORS, type ErrorCode } from '../../errors/index.ts';
import type { Fault, Reply } from '../call.ts';
import type { Breaker, Weight } from './breaker.ts';

/**
 * Faults of the 5xx that say nothing about the health of who answers: the caller's own limits, an effect that goes on, a
 * contract that is not there, a stop in good order. Nor does `Overloaded`: a server that sheds is alive and says when to come
 * back; a breaker that opened on it would keep everybody out long after the peak. Nor does `CircuitOpen`, answered by a target
 * that cannot reach a third one: breakers that open one after another along a chain, each on the other's refusals, would keep it
 * closed to all for as long as they stay open together, when the last one has long come back.
 */
const NO_FAILURES: ReadonlySet<ErrorCode> = new Set([
  'BulkheadFull',
  'CallTooDeep',
  'Cancelled',
  'CircuitOpen',
  'EffectInDoubt',
  'GivenUp',
  'Overloaded',
  'ShuttingDown',
  'StepPending',
  'UnknownOperation',
]);

export type Verdict = 'succeeded' | 'failed' | 'ignored';

/** What an answer says about the other side. A refusal of the request, declared or not, is an answer of one that works. */
export function verdictOf(reply: Reply): Verdict {
  if (reply.ok || reply.kind === 'declared') return 'succeeded';
  if (reply.stopped || NO_FAILURES.has(reply.code)) return 'ignored';
  return ERRORS[reply.code].status >= 500 ? 'failed' : 'succeeded';
}

/** Whether another attempt may bring more. Who finds the way shut is not to wait for it inside the call. */
export const mayPass = ({ code }: Fault): boolean => ERRORS[code].retryable && code !== 'CircuitOpen';

/** Whether the process that was called may have ended during the call: it was reached, and then lost. */
export const mayHaveEndedIt = (reply: Reply): boolean =>
  !reply.ok && reply.kind === 'fault' && reply.code === 'Unavailable' && reply.executed === 'unknown';

/** Reports to a breaker what came of a call that entered it. */
export function tell(breaker: Breaker | undefined, generation: number, verdict: Verdict, nowMono: number, weight: Weight = 'whole'): void {
  if (verdict === 'succeeded') breaker?.succeeded(generation, nowMono);
  else if (verdict === 'failed') breaker?.failed(generation, nowMono, weight);
  else breaker?.ignored(generation);
}
