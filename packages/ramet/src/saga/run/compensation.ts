import { RametError } from '../../errors/index.ts';
import { MINUTE, SECOND } from '../../platform/index.ts';
import { type Fault, mayHaveEndedIt, type StepMeta } from '../../rpc/index.ts';
import type { Alert } from '../alerts.ts';
import type { SagaState, StepRow } from '../journal/journal.ts';
import type { Run } from './run.ts';
import { endWaits } from './waits.ts';

/** How often an undo is tried before an alert is raised. */
export const COMPENSATION_ATTEMPTS = 3;
const UNDO_TIMEOUT_MS = 10 * SECOND;
/** How long an undo may be impossible before an alert is raised; the engine continues to try it. */
const PENDING_UNTIL_ALERT_MS = 5 * MINUTE;

/** Faults of a call that did not attempt the undo: they do not count. */
const NOT_ATTEMPTED = new Set([
  'BulkheadFull',
  'CircuitOpen',
  'Overloaded',
  'Unavailable',
  'ShuttingDown',
  'StoreUnavailable',
  'StepPending',
  'ConcurrencyConflict',
]);
/** Includes a deadline that passed before the call left, in the queue of the bulkhead. */
const notAttempted = ({ code, executed }: Fault): boolean => NOT_ATTEMPTED.has(code) || (code === 'DeadlineExceeded' && executed === 'no');

/** Returns the steps that may have had an effect, latest first: all with a stored intent, except those that were certainly refused. */
export const toCompensate = (steps: readonly StepRow[]): StepRow[] =>
  steps
    .filter(
      (step) =>
        step.kind === 'step' &&
        step.undo !== undefined &&
        step.state !== 'REJECTED' &&
        (step.compState === undefined || step.compState === 'STARTED'),
    )
    .sort((a, b) => b.idx - a.idx);

/**
 * Undoes a saga from its journal alone. Each attempt is stored before it is made; a crash repeats the attempt under the same
 * number, and the participant's fence makes its effect happen once. An undo that fails three times is left to an operator,
 * and the other undos continue.
 */
export async function compensate(run: Run): Promise<void> {
  endWaits(run);
  for (const step of toCompensate(run.steps)) await undo(run, step);
  const states = new Set(run.steps.map((step) => step.compState));
  const state: SagaState = states.has('IN_DOUBT')
    ? 'IN_DOUBT'
    : states.has('COMP_FAILED') || states.has('SKIPPED')
      ? 'COMPENSATION_FAILED'
      : 'COMPENSATED';
  const waiting = states.has('IN_DOUBT') || states.has('COMP_FAILED');
  await run.save(
    { state, attention: waiting ? `the undo of ${names(run.steps)} needs an operator` : undefined },
    { entries: [{ actor: 'engine', was: 'COMPENSATING', became: state }] },
  );
}

const names = (steps: readonly StepRow[]): string =>
  steps
    .filter((step) => step.compState === 'IN_DOUBT' || step.compState === 'COMP_FAILED')
    .map((step) => `'${step.name}'`)
    .join(', ');

async function undo(run: Run, step: StepRow): Promise<void> {
  const { clock } = run.environment.platform;
  const sinceMono = clock.monoNow();
  let alerted = false;
  let resumed = step.compState === 'STARTED';
  // An attempt of an earlier run may have crashed its process.
  let suspect = resumed;
  for (let uncounted = 0; ; ) {
    if (run.stopped.aborted) throw run.stopped.reason;
    if (!resumed) await beginAttempt(run, step);
    resumed = false;
    const reply = await run.call(
      step.undo as NonNullable<StepRow['undo']>,
      { timeoutMs: UNDO_TIMEOUT_MS, step: undoMeta(run, step), suspect },
      step,
    );
    if (reply.ok) return done(run, step);
    suspect ||= mayHaveEndedIt(reply);
    if (reply.kind === 'fault' && reply.code === 'GivenUp') return giveUp(run, step, 'COMP_FAILED', reply.detail, 'its undo was given up');
    if (reply.kind === 'fault' && reply.code === 'StaleOwner') throw new RametError('StaleOwner', reply.detail);
    if (reply.kind === 'fault' && reply.code === 'EffectInDoubt') return giveUp(run, step, 'IN_DOUBT', reply.detail);
    if (reply.kind === 'fault' && notAttempted(reply)) {
      resumed = true;
      if (!alerted && clock.monoNow() - sinceMono > PENDING_UNTIL_ALERT_MS) {
        alerted = true;
        await run.save(
          {},
          {
            alert: alertOf(
              run,
              step,
              'pending',
              `its undo has not been possible for ${PENDING_UNTIL_ALERT_MS / MINUTE} minutes: ${reply.detail}`,
            ),
          },
        );
      }
      await run.pause(++uncounted, reply.retryAfterMs ?? 0);
      continue;
    }
    const detail = reply.kind === 'fault' ? `${reply.code}: ${reply.detail}` : `${reply.error} ${JSON.stringify(reply.data)}`;
    step.compError = detail;
    if (step.compAttempt % COMPENSATION_ATTEMPTS === 0) return giveUp(run, step, 'COMP_FAILED', detail);
    run.note(step, { actor: 'engine', step: step.name, was: 'COMP_STARTED', became: 'COMP_ATTEMPT_FAILED', detail });
    await run.save({});
    await run.pause(step.compAttempt % COMPENSATION_ATTEMPTS, 0);
  }
}

/** Counts an attempt and stores it before it is made: after a crash it is repeated under the same number. */
async function beginAttempt(run: Run, step: StepRow): Promise<void> {
  const was = step.compState ?? step.state;
  step.compState = 'STARTED';
  step.compAttempt++;
  run.note(step, { actor: 'engine', step: step.name, was, became: 'COMP_STARTED', detail: `attempt ${step.compAttempt}` });
  await run.save({});
}

function undoMeta(run: Run, step: StepRow): StepMeta {
  return { key: step.stepKey, epoch: run.saga.epoch, undo: true, reason: run.saga.failure ?? 'compensated' };
}

function done(run: Run, step: StepRow): void {
  step.compState = 'COMPENSATED';
  step.compError = undefined;
  run.note(step, { actor: 'engine', step: step.name, was: 'COMP_STARTED', became: 'COMPENSATED' });
}

async function giveUp(run: Run, step: StepRow, state: 'COMP_FAILED' | 'IN_DOUBT', detail: string, why?: string): Promise<void> {
  step.compState = state;
  step.compError = detail;
  run.note(step, { actor: 'engine', step: step.name, was: 'COMP_STARTED', became: state, detail });
  const failed = why ?? `its undo failed ${COMPENSATION_ATTEMPTS} times`;
  const what = state === 'IN_DOUBT' ? 'whether it took effect cannot be found out' : failed;
  await run.save({}, { alert: alertOf(run, step, String(step.compAttempt), `${what}: ${detail}`) });
}

function alertOf(run: Run, step: StepRow, occasion: string, what: string): Alert {
  const { saga, environment } = run;
  return {
    id: `${saga.id}:${step.name}:alert:${occasion}`,
    service: environment.service,
    sagaId: saga.id,
    saga: saga.type,
    key: saga.key,
    step: step.name,
    state: saga.state,
    reason: `saga '${saga.type}' (${saga.key}), step '${step.name}': ${what}`,
  };
}
