import { RametError } from '../../errors/index.ts';
import type { Reply, StepMeta } from '../../rpc/index.ts';
import type { Store, Tx } from '../../store/index.ts';
import { appendLog, type CompState, loadSteps, noteEnd, type SagaRow, type SagaState, type StepRow, sagaOf } from '../journal/journal.ts';
import { COMPENSATION_ATTEMPTS, toCompensate } from '../run/compensation.ts';
import type { Invocation } from '../saga.ts';

/**
 * What an operator may do with a saga. Each action is a compare-and-set on the state that the operator saw. The saga's log names
 * the operator and the reason.
 *
 * - `retry`: tries the failed undos again, three more times. For a diverged saga: runs its program again (after a deploy).
 * - `resolve`: says what happened to a step. `absent`: its effect does not exist (any more). `applied`: it exists; undo it.
 * - `skip`: leaves the effect of a step as it is. The saga stays COMPENSATION_FAILED and no longer needs an operator.
 * - `compensate`: undoes a diverged saga.
 * - `cancel`: requests that a running saga stops and undoes itself. A sleeping or waiting saga is woken, a diverged one is undone.
 */
export type OperatorAction =
  | { readonly kind: 'retry' }
  | { readonly kind: 'resolve'; readonly step: string; readonly effect: 'applied' | 'absent'; readonly reason: string }
  | { readonly kind: 'skip'; readonly step: string; readonly reason: string }
  | { readonly kind: 'compensate'; readonly reason: string }
  | { readonly kind: 'cancel'; readonly reason: string };

/** Notifies a participant of what an operator found out about a step's effect. */
export type Resolver = (saga: SagaRow, undo: Invocation, step: StepMeta) => Promise<Reply>;

/**
 * Performs an operator's action. @param actor the operator's name, for the log
 * @throws RametError UnknownSaga; ActionRefused, which says what would be possible
 */
export async function operate(store: Store, resolver: Resolver, id: string, actor: string, action: OperatorAction): Promise<void> {
  const row = await store.reader.get<Record<string, string | number | null>>('select * from ramet_sagas where id = ?', id);
  if (!row) throw new RametError('UnknownSaga', `there is no saga '${id}' in '${store.service}'`);
  const saga = sagaOf(row);
  const steps = await loadSteps(store, id);
  const change = await plan(saga, steps, action, resolver);
  await store.write(async (tx) => {
    if (action.kind === 'cancel' && saga.state === 'RUNNING') return cancel(tx, id, actor, action.reason);
    const mine = await tx.run(
      `update ramet_sagas set state = ?, attention = ?, failure = coalesce(failure, ?),
         ${noteEnd(change.state, change.attention)}version = version + 1, owner = null, lease_until = 0, updated_at = ramet_now()
       where id = ? and version = ? and state = ?`,
      change.state,
      change.attention ?? null,
      change.failure ?? null,
      id,
      saga.version,
      saga.state,
    );
    if (mine === 0) throw new RametError('ActionRefused', `saga '${id}' has changed in the meantime; look at it again`);
    for (const [step, compState] of change.steps) await setCompState(tx, id, step, compState);
    const reason = 'reason' in action ? action.reason : undefined;
    appendLog(tx, id, [{ actor, was: saga.state, became: change.state, detail: [describe(action), reason].filter(Boolean).join(': ') }]);
  });
}

/** Requests a cancellation, as a command of the service does: the owner keeps the saga and obeys at its next step. */
async function cancel(tx: Tx, id: string, actor: string, reason: string): Promise<void> {
  const asked = await tx.run(
    `update ramet_sagas set cancel_reason = coalesce(cancel_reason, ?), lease_until = case when owner is null then 0 else lease_until end
     where id = ? and state = 'RUNNING' and pivoted = 0`,
    reason,
    id,
  );
  if (asked === 0) throw new RametError('ActionRefused', `saga '${id}' has changed in the meantime; look at it again`);
  appendLog(tx, id, [{ actor, became: 'CANCEL_REQUESTED', detail: reason }]);
}

interface Change {
  readonly state: SagaState;
  readonly attention?: string | undefined;
  readonly failure?: string;
  readonly steps: readonly (readonly [StepRow, CompState | undefined])[];
}

const describe = (action: OperatorAction): string =>
  'step' in action ? `${action.kind} '${action.step}'${action.kind === 'resolve' ? ` as ${action.effect}` : ''}` : action.kind;

async function plan(saga: SagaRow, steps: readonly StepRow[], action: OperatorAction, resolver: Resolver): Promise<Change> {
  const refuse = (why: string): never => {
    throw new RametError('ActionRefused', `'${action.kind}' is not possible: saga '${saga.id}' is ${saga.state}; ${why}`);
  };
  const waiting = steps.filter((step) => step.compState === 'COMP_FAILED' || step.compState === 'IN_DOUBT');
  switch (action.kind) {
    case 'retry':
      if (saga.state === 'DIVERGED') return { state: saga.failure === undefined ? 'RUNNING' : 'COMPENSATING', steps: [] };
      if (waiting.length === 0) return refuse('only a diverged saga or one with a failed undo can be retried');
      return { state: 'COMPENSATING', steps: waiting.map((step) => [step, undefined] as const) };
    case 'compensate':
      if (saga.state !== 'DIVERGED') return refuse('only a diverged saga can be compensated by an operator');
      if (saga.pivoted) return refuse('it has passed its pivot and can only go forward');
      return { state: 'COMPENSATING', failure: action.reason, steps: [] };
    case 'cancel':
      if (saga.pivoted || (saga.state !== 'RUNNING' && saga.state !== 'DIVERGED'))
        return refuse('only a running or diverged saga before its pivot can be cancelled');
      return saga.state === 'RUNNING' ? { state: 'RUNNING', steps: [] } : { state: 'COMPENSATING', failure: action.reason, steps: [] };
    case 'skip':
    case 'resolve': {
      const step = waiting.find((candidate) => candidate.name === action.step);
      if (!step)
        return refuse(`the steps that need an operator are: ${waiting.map((candidate) => `'${candidate.name}'`).join(', ') || 'none'}`);
      if (action.kind === 'resolve') {
        await notifyParticipant(saga, step, action, resolver);
        if (action.effect === 'applied') return { state: 'COMPENSATING', steps: [[step, undefined]] };
      }
      return afterwards(steps, step, action.kind === 'skip' ? 'SKIPPED' : 'COMPENSATED');
    }
  }
}

async function notifyParticipant(
  saga: SagaRow,
  step: StepRow,
  action: { effect: 'applied' | 'absent'; reason: string },
  resolver: Resolver,
): Promise<void> {
  const reply = await resolver(saga, step.undo as Invocation, {
    key: step.stepKey,
    epoch: saga.epoch,
    undo: true,
    reason: action.reason,
    resolution: action.effect,
  });
  if (!reply.ok)
    throw new RametError(
      'ActionRefused',
      `the participant refused the resolution: ${reply.kind === 'fault' ? reply.detail : reply.error}; try again`,
    );
}

/** Returns the state after `step` was resolved: the undos that remain continue; otherwise the saga waits for the other failed undos, or has ended. */
function afterwards(steps: readonly StepRow[], step: StepRow, compState: CompState): Change {
  if (toCompensate(steps).length > 0) return { state: 'COMPENSATING', steps: [[step, compState]] };
  const states = new Set(steps.map((other) => (other === step ? compState : other.compState)));
  const others = steps
    .filter((other) => other !== step && (other.compState === 'COMP_FAILED' || other.compState === 'IN_DOUBT'))
    .map((other) => `'${other.name}'`);
  const state: SagaState = states.has('IN_DOUBT')
    ? 'IN_DOUBT'
    : states.has('COMP_FAILED') || states.has('SKIPPED')
      ? 'COMPENSATION_FAILED'
      : 'COMPENSATED';
  return {
    state,
    attention: others.length > 0 ? `the undo of ${others.join(', ')} needs an operator` : undefined,
    steps: [[step, compState]],
  };
}

async function setCompState(tx: Tx, sagaId: string, step: StepRow, compState: CompState | undefined): Promise<void> {
  // An undo that is tried again gets three more attempts, however many of the last three were used.
  const attempts = compState === undefined ? Math.ceil(step.compAttempt / COMPENSATION_ATTEMPTS) * COMPENSATION_ATTEMPTS : step.compAttempt;
  await tx.run(
    `update ramet_saga_steps set comp_state = ?, comp_attempt = ?, comp_error = case when ? = 1 then comp_error end, updated_at = ramet_now()
     where saga_id = ? and idx = ?`,
    compState ?? null,
    attempts,
    // The last error still explains a skipped undo; it says nothing about one that was resolved or is tried again.
    compState === 'SKIPPED' ? 1 : 0,
    sagaId,
    step.idx,
  );
}
