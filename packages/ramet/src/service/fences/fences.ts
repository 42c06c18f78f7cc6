import { RametError } from '../../errors/index.ts';
import type { Reply } from '../../rpc/index.ts';
import { FENCES_KEPT } from '../../saga/index.ts';
import { mayBeForgotten, type Reader, type Tx } from '../../store/index.ts';

/*
 * A fence is the participant's record of one step, in the participant's own store, written in the transaction of the step:
 *   (none) --forward--> DONE | REJECTED            a command: one transaction
 *   (none) --forward--> STARTED --> DONE | REJECTED | IN_DOUBT     an effect: between two transactions
 *   (none) --undo--> CANCELLED                     nothing has happened, and nothing can any more: the tombstone
 *   DONE --undo--> UNDONE
 *   STARTED --undo--> CANCELLING --> CANCELLED | UNDONE | IN_DOUBT
 * A forward request that finds CANCELLED, CANCELLING or UNDONE is too late and does nothing.
 *
 * A fence is kept until the owner of its saga reports that the saga has ended. The owner does so 30 days after the end, when no
 * request of the saga can be on its way. Without a report a fence is kept for three years; an older step without one is in doubt.
 */
export type FenceState = 'STARTED' | 'DONE' | 'REJECTED' | 'CANCELLING' | 'CANCELLED' | 'UNDONE' | 'IN_DOUBT';

/** A fence as its row stores it. */
export interface Fence {
  readonly state: FenceState;
  readonly operation: string;
  /** The encoded answer of the step. */
  readonly result: Reply | undefined;
  readonly sagaEpoch: number;
}

/** Reads the fence of a step; undefined if there is none. */
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

/** Returns the answer to a repeated forward request; undefined while the step is under way. */
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
      return inDoubt('whether the effect took place could not be found out; an operator must resolve it');
    case 'STARTED':
      return undefined;
  }
}

/** Refuses an owner that has lost the saga. @throws RametError StaleOwner */
export function checkEpoch(fence: Fence, epoch: number): void {
  if (fence.sagaEpoch > epoch)
    throw new RametError('StaleOwner', `epoch ${epoch} is outdated; this step was requested under epoch ${fence.sagaEpoch}`);
}

/**
 * Locks a fence for the rest of the transaction, and raises its epoch: only one transaction at a time decides by it.
 * @throws RametError StaleOwner when it was requested under a later epoch
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

/** The step of a fence. */
export interface Fenced {
  readonly key: string;
  readonly operation: string;
  /** The epoch of the saga's owner. */
  readonly epoch: number;
  /** The service that owns the saga. */
  readonly askedBy: string;
}

/** Raises the fence of a step that ends in this transaction. @returns false if there is one already */
export async function raiseFence(tx: Tx, state: FenceState, { key, operation, epoch, askedBy }: Fenced): Promise<boolean> {
  return (await tx.run(RAISE, key, state, operation, epoch, askedBy)) > 0;
}

/** Raises a fence; if there is one already, the transaction fails with `NoRowChanged`. */
export function mustRaiseFence(tx: Tx, state: FenceState, { key, operation, epoch, askedBy }: Fenced): void {
  tx.expectRow(RAISE, key, state, operation, epoch, askedBy);
}

/** Returns the answer to a step without a fence that is so old that its fence may have been deleted; undefined for any other step. */
export async function doubtOf(reader: Reader | Tx, ageMs: number | undefined): Promise<Reply | undefined> {
  if (!(await mayBeForgotten(reader, 'fences', ageMs))) return undefined;
  return inDoubt('the step is older than the fences that are kept, so whether it took effect is unknown; an operator must resolve it');
}

const inDoubt = (detail: string): Reply => ({ ok: false, kind: 'fault', code: 'EffectInDoubt', detail, issues: [], executed: 'unknown' });

/** Moves a fence to another state, at the end of the transaction. @param result keeps the stored answer if undefined */
export function setFence(tx: Tx, key: string, state: FenceState, result?: Reply): void {
  tx.defer(
    'update ramet_fences set state = ?, result = coalesce(?, result), updated_at = ramet_now() where step_key = ?',
    state,
    result === undefined ? null : JSON.stringify(result),
    key,
  );
}

/** Returns the key of an undo's own fence, which it has if it acts on an external system. */
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
