import { RametError } from '../errors/index.ts';
import type { Reply } from '../rpc/index.ts';
import type { Reader, Tx } from '../store/index.ts';

/*
 * A fence is the participant's memory of one step, in the participant's own store, written with the step's effect:
 *   (none) --forward--> DONE | REJECTED            a command: one transaction
 *   (none) --forward--> STARTED --> DONE | REJECTED | IN_DOUBT     an effect: between two transactions
 *   (none) --undo--> CANCELLED                     nothing happened, and now nothing can: the tombstone
 *   DONE --undo--> UNDONE
 *   STARTED --undo--> CANCELLING --> CANCELLED | UNDONE | IN_DOUBT
 * A forward request that meets CANCELLED, CANCELLING or UNDONE comes too late and does nothing.
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
  const row = await reader.get<Row>('select state, operation, result, saga_epoch from ramet_fences where step_key = ?', key);
  return row && read(row);
}

interface Row {
  readonly state: FenceState;
  readonly operation: string;
  readonly result: string | null;
  readonly saga_epoch: number;
}

function read(row: Row): Fence {
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
      return {
        ok: false,
        kind: 'fault',
        code: 'EffectInDoubt',
        detail: 'whether the effect took place cannot be found out',
        issues: [],
        executed: 'unknown',
      };
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
  const row = await tx.get<Row>(
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

const RAISE =
  'insert into ramet_fences (step_key, state, operation, saga_epoch, updated_at) values (?, ?, ?, ?, ramet_now()) on conflict do nothing';

/** Puts up the fence of a step that ends in this transaction. @returns false when there is one */
export async function raiseFence(tx: Tx, key: string, operation: string, state: FenceState, epoch: number): Promise<boolean> {
  return (await tx.run(RAISE, key, state, operation, epoch)) > 0;
}

/** The same, where the transaction comes to nothing when there is one (`NoRowChanged`). */
export function mustRaiseFence(tx: Tx, key: string, operation: string, state: FenceState, epoch: number): void {
  tx.must(RAISE, key, state, operation, epoch);
}

export function setFence(tx: Tx, key: string, state: FenceState, result?: Reply): void {
  tx.last(
    'update ramet_fences set state = ?, result = coalesce(?, result), updated_at = ramet_now() where step_key = ?',
    state,
    result === undefined ? null : JSON.stringify(result),
    key,
  );
}
