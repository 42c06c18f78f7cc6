import { RametError } from '../errors/index.ts';
import { MINUTE } from '../platform/index.ts';
import { mayHaveEndedIt, type Reply } from '../rpc/index.ts';
import { yieldsToCancellation } from './intent.ts';
import type { StepError, StepRow } from './journal.ts';
import { asStop, type Run } from './run.ts';

/** Why a program does not go on, beside returning and throwing. */
export type Suspension =
  | { readonly kind: 'compensate'; readonly reason: string }
  | { readonly kind: 'diverged'; readonly reason: string }
  | { readonly kind: 'stopped'; readonly error: RametError }
  /** The saga was given out of hands until its time has come or something wakes it. */
  | { readonly kind: 'asleep' };

/** After so many attempts of a step that must succeed, somebody is told. */
const ATTEMPTS_UNTIL_ALERT = 10;
/** How soon a step looks again whether the way to its participant is open. */
const SHUT_LOOK_MS = 1_000;

/**
 * By so much at most the deadline of a step is moved, because the way to its participant was shut. A circuit that opens must
 * not cost orders that have nothing to do with its failures.
 */
const SHUT_MAX_MS = 5 * MINUTE;
/** Faults of a step that was not even asked for: the way to the participant was shut. */
const SHUT = new Set(['CircuitOpen', 'BulkheadFull', 'Overloaded']);

/** Faults after which a step certainly did not and will not happen: the request itself is at fault. */
const DEFINITE = new Set(['BadRequest', 'UnknownOperation', 'Forbidden', 'NotFound', 'MissingIdempotencyKey', 'InvalidOutput']);

/**
 * Calls with the step's key until the outcome is definite or the deadline has passed; a step without one is called for ever,
 * and so is one that the pivot has overtaken. While the way is shut the deadline moves.
 * @param resumed its intent was found in the journal: whether an attempt was made nobody knows
 * @param over aborts when the program has ended, and nobody waits for the outcome any more
 * @returns a suspension when the outcome stays unknown
 */
export async function resolve(
  run: Run,
  step: StepRow,
  timeoutMs: number,
  resumed: boolean,
  over: AbortSignal,
): Promise<Suspension | undefined> {
  const { clock } = run.environment.platform;
  // After a restart the deadline may be long past; the participant may still know the answer, so it is asked at least once.
  let deadlineMono =
    step.deadlineMs === undefined
      ? Number.POSITIVE_INFINITY
      : clock.monoNow() + Math.max(step.remainingMs ?? 0, Math.min(timeoutMs, step.deadlineMs));
  let doubtful = resumed && step.kind !== 'ask';
  // Its process may have ended by it: that of the participant is perhaps this one.
  let suspect = resumed && step.kind !== 'ask';
  let told = false;
  let attempts = 0;
  let shutMs = 0;
  for (let attempt = 1; ; attempt++) {
    if (over.aborted) return { kind: 'stopped', error: asStop(over.reason) };
    // Until its pivot a saga that is being cancelled makes no further attempt: what the last one did is undone.
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
    // A process that stops makes no further attempt: the participant may have stopped already, and the next process asks again.
    if (run.stopped.aborted) return { kind: 'stopped', error: asStop(run.stopped.reason) };
    doubtful ||= step.kind !== 'ask' && reply.executed !== 'no';
    suspect ||= step.kind !== 'ask' && mayHaveEndedIt(reply);
    const hopeless = reply.code === 'StepCancelled' || reply.code === 'EffectInDoubt' || reply.code === 'GivenUp';
    if (reply.code === 'GivenUp' && (run.saga.pivoted || step.deadlineMs === undefined))
      return { kind: 'diverged', reason: `step '${step.name}': ${reply.detail}` };
    // A way that is shut may open sooner than it says, and looking costs nothing: such a refusal is no attempt.
    const shut = SHUT.has(reply.code) && reply.executed === 'no';
    const waitable = shut && shutMs < SHUT_MAX_MS;
    const waitMs = shut ? Math.min(reply.retryAfterMs ?? 0, SHUT_LOOK_MS) : (reply.retryAfterMs ?? 0);
    if (!shut) attempts++;
    if (step.deadlineMs !== undefined && (hopeless || (!waitable && !run.saga.pivoted && clock.monoNow() + waitMs >= deadlineMono)))
      return await unknown(run, step, reply.detail);
    if (endless && attempts >= ATTEMPTS_UNTIL_ALERT && !told) {
      told = true;
      await stuck(run, step, reply.detail);
    }
    await run.pause(reply.code === 'CircuitOpen' ? 1 : attempt, Math.min(waitMs, 30_000), over);
    if (!shut) continue;
    const lostMs = Math.min(clock.monoNow() - askedMono, SHUT_MAX_MS - shutMs);
    shutMs += lostMs;
    deadlineMono += lostMs;
  }
}

/**
 * Records a definite outcome. A refusal of the request itself speaks for that request only: when an earlier attempt may
 * have taken effect (`doubtful`), it is none.
 * @returns false when there is none
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
      detail: [reply.detail, ...reply.issues.map((issue) => `${issue.path}: ${issue.message}`)].join('; '),
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
        reason: `saga '${saga.type}' (${saga.key}): step '${step.name}' has failed ${ATTEMPTS_UNTIL_ALERT} times and goes on being retried: ${detail}`,
      },
    },
  );
}
