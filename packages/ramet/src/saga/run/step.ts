import { issuesText, RametError } from '../../errors/index.ts';
import { MINUTE } from '../../platform/index.ts';
import { mayHaveEndedIt, type Reply } from '../../rpc/index.ts';
import type { StepError, StepRow } from '../journal/journal.ts';
import { yieldsToCancellation } from './intent.ts';
import { asStop, type Run } from './run.ts';

/** Why a program does not continue, other than by returning or throwing. */
export type Suspension =
  | { readonly kind: 'compensate'; readonly reason: string }
  | { readonly kind: 'diverged'; readonly reason: string }
  | { readonly kind: 'stopped'; readonly error: RametError }
  /** The saga was released until its wake-up time, or until something wakes it. */
  | { readonly kind: 'asleep' };

/** An alert is raised after so many attempts of a step that must succeed, or after {@link REFUSED_MAX_MS} without an attempt. */
const ATTEMPTS_UNTIL_ALERT = 10;
/** Faults of a call that did not reach the participant: the circuit is open, or there is too much load. Such a call does not count as an attempt. */
const REFUSED = new Set(['CircuitOpen', 'BulkheadFull', 'Overloaded']);
/** How soon a step is tried again after such a fault. */
const REFUSED_LOOK_MS = 1_000;
/**
 * The limit by which a deadline moves, in all, while the calls of its step are refused. An open circuit must not cancel orders that have
 * nothing to do with its failures.
 */
const REFUSED_MAX_MS = 5 * MINUTE;

/** Faults after which a step certainly did not and will not happen: the request itself is at fault. */
const DEFINITE = new Set(['BadRequest', 'UnknownOperation', 'Forbidden', 'NotFound', 'MissingIdempotencyKey', 'InvalidOutput']);

/**
 * Calls with the step's key until the outcome is definite or the deadline has passed. A step without a deadline is called until
 * it succeeds, and so is every step after the pivot. While calls are refused before they reach the participant, the deadline moves.
 * @param resumed the intent was in the journal, so an attempt may have been made before
 * @param over aborts when the program has ended, and no longer waits for the outcome
 * @returns a suspension if the outcome stays unknown
 */
export async function resolve(
  run: Run,
  step: StepRow,
  timeoutMs: number,
  resumed: boolean,
  over: AbortSignal,
): Promise<Suspension | undefined> {
  const { clock } = run.environment.platform;
  // After a restart the deadline may have passed long ago. The participant may still know the answer, so it is called at least once.
  let deadlineMono =
    step.deadlineMs === undefined
      ? Number.POSITIVE_INFINITY
      : clock.monoNow() + Math.max(step.remainingMs ?? 0, Math.min(timeoutMs, step.deadlineMs));
  let doubtful = resumed && step.kind !== 'ask';
  // An earlier call may have crashed the process: the participant may run in the same one.
  let suspect = resumed && step.kind !== 'ask';
  let alerted = false;
  let attempts = 0;
  let refusedMs = 0;
  for (let attempt = 1; ; attempt++) {
    if (over.aborted) return { kind: 'stopped', error: asStop(over.reason) };
    // Before the pivot, a cancelled saga makes no further attempt: the undo covers what the last one did.
    if (attempt > 1 && !run.saga.pivoted && yieldsToCancellation(run, step) && (await run.cancelled()))
      return await unknown(run, step, 'no definite answer before the saga was cancelled');
    const endless = step.deadlineMs === undefined || (run.saga.pivoted && clock.monoNow() >= deadlineMono);
    const remainingMs = endless ? Number.POSITIVE_INFINITY : deadlineMono - clock.monoNow();
    const askedMono = clock.monoNow();
    const reply = await run.call(
      step.invocation,
      {
        timeoutMs: Math.min(timeoutMs, remainingMs),
        ...(step.kind === 'ask'
          ? { witness: step.stepKey }
          : {
              suspect,
              step: { key: step.stepKey, epoch: run.saga.epoch, undo: false, ...(Number.isFinite(remainingMs) ? { remainingMs } : {}) },
            }),
      },
      step,
    );
    if (settleStep(run, step, reply, doubtful)) return undefined;
    if (reply.ok || reply.kind === 'declared') throw new RametError('Internal', 'unreachable: a definite reply settles the step');
    if (reply.code === 'StaleOwner') return { kind: 'stopped', error: new RametError('StaleOwner', reply.detail) };
    // A process that stops makes no further attempt: the participant may have stopped already, and the next process calls again.
    if (run.stopped.aborted) return { kind: 'stopped', error: asStop(run.stopped.reason) };
    doubtful ||= step.kind !== 'ask' && reply.executed !== 'no';
    suspect ||= step.kind !== 'ask' && mayHaveEndedIt(reply);
    const hopeless = reply.code === 'StepCancelled' || reply.code === 'EffectInDoubt' || reply.code === 'GivenUp';
    if (reply.code === 'GivenUp' && (run.saga.pivoted || step.deadlineMs === undefined))
      return { kind: 'diverged', reason: `step '${step.name}': ${reply.detail}` };
    // A circuit may close sooner than its refusal says, and another try costs nothing.
    const refused = REFUSED.has(reply.code) && reply.executed === 'no';
    const waitable = refused && refusedMs < REFUSED_MAX_MS;
    const waitMs = refused ? Math.min(reply.retryAfterMs ?? 0, REFUSED_LOOK_MS) : (reply.retryAfterMs ?? 0);
    if (!refused) attempts++;
    if (step.deadlineMs !== undefined && (hopeless || (!waitable && !run.saga.pivoted && clock.monoNow() + waitMs >= deadlineMono)))
      return await unknown(run, step, reply.detail);
    // While a circuit is open, few steps make an attempt, and all of them wait.
    if (endless && !alerted && (attempts >= ATTEMPTS_UNTIL_ALERT || refusedMs >= REFUSED_MAX_MS)) {
      alerted = true;
      await stuck(run, step, reply.detail);
    }
    await run.pause(reply.code === 'CircuitOpen' ? 1 : attempt, Math.min(waitMs, 30_000), over);
    if (!refused) continue;
    const lostMs = Math.min(clock.monoNow() - askedMono, REFUSED_MAX_MS - refusedMs);
    refusedMs += lostMs;
    deadlineMono += lostMs;
  }
}

/**
 * Records a definite outcome. A refusal of the request itself applies to that request only: it is not definite if an earlier
 * attempt may have taken effect (`doubtful`).
 * @returns false if the outcome is not definite
 */
function settleStep(run: Run, step: StepRow, reply: Reply, doubtful: boolean): boolean {
  if (reply.ok) {
    step.state = 'OK';
    step.result = reply.value;
  } else if (reply.kind === 'declared') {
    step.state = 'REJECTED';
    step.error = { kind: 'declared', error: reply.error, status: reply.status, data: reply.data };
  } else if (DEFINITE.has(reply.code) && reply.executed === 'no' && !doubtful) {
    step.state = 'REJECTED';
    step.error = {
      kind: 'fault',
      code: reply.code,
      detail: reply.issues.length === 0 ? reply.detail : `${reply.detail}; ${issuesText(reply.issues)}`,
    };
  } else return false;
  run.settle(step, {
    actor: 'engine',
    step: step.name,
    was: 'STARTED',
    became: step.state,
    ...(step.error ? { detail: describe(step.error) } : {}),
  });
  return true;
}

const describe = (error: StepError): string => (error.kind === 'declared' ? error.error : `${error.code}: ${error.detail}`);

async function unknown(run: Run, step: StepRow, detail: string): Promise<Suspension> {
  step.state = 'UNKNOWN';
  run.note(step, { actor: 'engine', step: step.name, was: 'STARTED', became: 'UNKNOWN', detail });
  if (!run.saga.pivoted && (await run.cancelled())) return { kind: 'compensate', reason: run.saga.cancelReason as string };
  return { kind: 'compensate', reason: `step '${step.name}': no definite answer within its deadline (${detail})` };
}

async function stuck(run: Run, step: StepRow, detail: string): Promise<void> {
  const { saga, environment } = run;
  await run.save(
    { attention: `step '${step.name}' does not succeed: ${detail}` },
    {
      alert: {
        id: `${saga.id}:${step.name}:alert`,
        service: environment.service,
        sagaId: saga.id,
        saga: saga.type,
        key: saga.key,
        step: step.name,
        state: saga.state,
        reason: `saga '${saga.type}' (${saga.key}): step '${step.name}' does not succeed and is retried: ${detail}`,
      },
    },
  );
}
