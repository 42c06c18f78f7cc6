import { ERRORS, type ErrorCode } from '../../errors/index.ts';
import type { Fault, Reply } from '../call.ts';
import type { Breaker, Weight } from './breaker.ts';

/**
 * Faults with a 5xx status that say nothing about the health of the target:
 * - limits of the caller, an effect that is still running, an operation that does not exist, an orderly stop;
 * - `Overloaded`: a server that sheds load is alive and says when to retry. A breaker that opened on it would keep every caller out
 *   long after the peak;
 * - `CircuitOpen`, from a target that cannot reach a third service. Breakers along a chain that open on each other's refusals would
 *   stay open together long after the last service has recovered.
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

/** What an answer says about the other side. */
export type Verdict = 'succeeded' | 'failed' | 'ignored';

/** Judges what an answer says about the other side. A refusal of the request, declared or not, comes from a side that works. */
export function verdictOf(reply: Reply): Verdict {
  if (reply.ok || reply.kind === 'declared') return 'succeeded';
  if (reply.stopped || NO_FAILURES.has(reply.code)) return 'ignored';
  return ERRORS[reply.code].status >= 500 ? 'failed' : 'succeeded';
}

/** Whether another attempt may succeed. A call must not wait for an open circuit. */
export const mayPass = ({ code }: Fault): boolean => ERRORS[code].retryable && code !== 'CircuitOpen';

/** Whether the called process may have crashed during the call: it was reached, and then lost. */
export const mayHaveEndedIt = (reply: Reply): boolean =>
  !reply.ok && reply.kind === 'fault' && reply.code === 'Unavailable' && reply.executed === 'unknown';

/** Reports the outcome of a call to the breaker that it entered. */
export function tell(breaker: Breaker | undefined, generation: number, verdict: Verdict, nowMono: number, weight: Weight = 'whole'): void {
  if (verdict === 'succeeded') breaker?.succeeded(generation, nowMono);
  else if (verdict === 'failed') breaker?.failed(generation, nowMono, weight);
  else breaker?.ignored(generation);
}
