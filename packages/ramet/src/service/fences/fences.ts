import { RametError } from '../../errors/index.ts';
import type { Reply } from '../../rpc/index.ts';
import { FENCES_KEPT } from '../../saga/index.ts';
import { mayBeForgotten, type Reader, type Tx } from '../../store/index.ts';

/*
 * A fence is the participant's memory of one step, in the participant's own store, written with the step's effect:
 *   (none) --forward--> DONE | REJECTED            a command: one transaction
 *   (none) --forward--> STARTED --> DONE | REJECTED | IN_DOUBT     an effect: between two transactions
 *   (none) --undo--> CANCELLED                     nothing happened, and now nothing can: the tombstone
 *   DONE --undo--> UNDONE
 *   STARTED --undo--> CANCELLING --> CANCELLED | UNDONE | IN_DOUBT
 * A forward request that meets CANCELLED, CANCELLING or UNDONE comes too late and does nothing.
 *
 * A fence is kept until the owner of its saga says that the saga has ended (30 days ago, so that nothing of it is on its way any
 * more). Of a saga of which nothing is heard it is kept for three years; a step that is older and has no fence is in doubt.
 */
export type FenceState = 'STARTED' | 'DONE' | 'REJECTED' | 'CANCELLING' | 'CANCELLED' | 'UNDONE' | 'IN_DOUBT';

export interface Fence {
  readonly state: FenceState;
  readonly operation: string;
  /** The answer that was given, encoded. */
  readonly result: Reply | undefined;
  readonly sagaEpoch: number;
}

export async function fenceOf(reader: Reader | Tx, key: string): Promise<Fence | undefined> {
  const row = await reader.get<FenceRow>('select state, operation, result, saga_epoch from ramet_fences where step_key = ?', key);
  return row && read(row);
}

interface FenceRow {
  readonly state: FenceState;
  readonly operation: string;
  readonly result: string | null;
  readonly saga_epoch: number;
}

function read(row: FenceRow): Fence {
  return {
    state: row.state,
    operation: row.operation,
    result: row.result === null ? undefined : (JSON.parse(row.result) as Reply),
    sagaEpoch: Number(row.saga_epoch),
  };
}

/** What a repeated forward request is answered; undefined while the step is under way. */
export function replyOf(fence: Fence): Reply | undefined {
  switch (fence.state) {
    case 'DONE':
    case 'REJECTED':
      return fence.result ?? { ok: true, value: undefined };
    case 'CANCELLED':
    case 'CANCELLING':
    case 'UNDONE':
      return {
        ok: false,
        kind: 'fault',
        code: 'StepCancelled',
        detail: 'the step was undone before this request arrived',
        issues: [],
        executed: 'no',
      };
    case 'IN_DOUBT':
      return inDoubt('whether the effect took place cannot be found out');
    case 'STARTED':
      return undefined;
  }
}

/** Refuses an owner of the saga whose time is over. */
export function checkEpoch(fence: Fence, epoch: number): void {
  if (fence.sagaEpoch > epoch)
    throw new RametError('StaleOwner', `epoch ${epoch} is past; this step has been asked for under epoch ${fence.sagaEpoch}`);
}

/**
 * Takes a fence for the rest of the transaction, and raises its epoch: whoever decides by it decides alone.
 * @throws RametError StaleOwner when it has been asked for under a later epoch
 */
export async function lockFence(tx: Tx, key: string, epoch: number): Promise<Fence | undefined> {
  const row = await tx.get<FenceRow>(
    `update ramet_fences set saga_epoch = case when saga_epoch < ? then ? else saga_epoch end
     where step_key = ? returning state, operation, result, saga_epoch`,
    epoch,
    epoch,
    key,
  );
  if (!row) return undefined;
  const fence = read(row);
  checkEpoch(fence, epoch);
  return fence;
}

const RAISE = `insert into ramet_fences (step_key, state, operation, saga_epoch, asked_by, updated_at, keep_until)
  values (?, ?, ?, ?, ?, ramet_now(), ramet_now() + ${FENCES_KEPT.unheardMs}) on conflict do nothing`;

/** The step that a fence is put up for. */
export interface Fenced {
  readonly key: string;
  readonly operation: string;
  /** The epoch of the saga's owner. */
  readonly epoch: number;
  /** The service whose saga it is. */
  readonly askedBy: string;
}

/** Puts up the fence of a step that ends in this transaction. @returns false when there is one */
export async function raiseFence(tx: Tx, state: FenceState, { key, operation, epoch, askedBy }: Fenced): Promise<boolean> {
  return (await tx.run(RAISE, key, state, operation, epoch, askedBy)) > 0;
}

/** The same, where the transaction comes to nothing when there is one (`NoRowChanged`). */
export function mustRaiseFence(tx: Tx, state: FenceState, { key, operation, epoch, askedBy }: Fenced): void {
  tx.expectRow(RAISE, key, state, operation, epoch, askedBy);
}

/** What a step without a fence is answered that is so old that its fence may have been deleted; undefined for any other. */
export async function doubtOf(reader: Reader | Tx, ageMs: number | undefined): Promise<Reply | undefined> {
  if (!(await mayBeForgotten(reader, 'fences', ageMs))) return undefined;
  return inDoubt('the step is older than the fences that are kept: whether it took effect is not known here any more');
}

const inDoubt = (detail: string): Reply => ({ ok: false, kind: 'fault', code: 'EffectInDoubt', detail, issues: [], executed: 'unknown' });

export function setFence(tx: Tx, key: string, state: FenceState, result?: Reply): void {
  tx.defer(
    'update ramet_fences set state = ?, result = coalesce(?, result), updated_at = ramet_now() where step_key = ?',
    state,
    result === undefined ? null : JSON.stringify(result),
    key,
  );
}

/** The key of the fence that an undo has for itself where it acts on an external system. */
export const undoKeyOf = (key: string): string => `${key}:undo`;

/** Marks a step as undone by an effect; an operator may have resolved it in the meantime. */
export function settleUndone(tx: Tx, key: string): void {
  tx.defer("update ramet_fences set state = 'UNDONE', updated_at = ramet_now() where step_key = ? and state in ('DONE', 'IN_DOUBT')", key);
}

/** Lets an undo that was refused be requested again: a refusal answers one attempt, and the effect to be undone is still there. */
export async function forgetRefusal(tx: Tx, key: string): Promise<void> {
  await tx.run("delete from ramet_fences where step_key = ? and state = 'REJECTED'", key);
}

/** Cancels the undo of a step, unless it is done: an operator has found that there is nothing left to undo. */
export function cancelUndo(tx: Tx, key: string): void {
  tx.defer("update ramet_fences set state = 'CANCELLED', updated_at = ramet_now() where step_key = ? and state <> 'DONE'", undoKeyOf(key));
}

/** Forgets an undo that has not taken effect, so that it can be requested again. */
export function forgetUndo(tx: Tx, key: string): void {
  tx.defer("delete from ramet_fences where step_key = ? and state not in ('DONE', 'STARTED')", undoKeyOf(key));
}
