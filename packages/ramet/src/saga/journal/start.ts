import { newId, type Platform } from '../../platform/index.ts';
import type { Initiation } from '../../security/index.ts';
import type { Tx } from '../../store/index.ts';
import type { Trace } from '../../telemetry/index.ts';
import type { Saga } from '../saga.ts';
import { appendLog, type RawRow } from './journal.ts';
import { holdEvents } from './saga-mailbox.ts';

/** The start of a saga. */
export interface SagaStart {
  readonly saga: Saga;
  /** The validated input. */
  readonly input: Record<string, unknown>;
  /** The client for which it is done. */
  readonly initiation: Initiation;
  readonly trace: Trace;
}

/**
 * Writes the start of a saga into the transaction of the command that starts it. This process owns the saga from the start.
 * A saga of the same name and key that exists, or existed and was deleted, is left alone.
 * @returns its row after the commit, unless there was one
 */
export async function insertSaga(
  tx: Tx,
  platform: Platform,
  owner: string,
  leaseMs: number,
  start: SagaStart,
): Promise<{ readonly row: RawRow | undefined }> {
  const id = newId(platform, 'saga');
  const key = String(start.input[start.saga.key]);
  // An event is kept either before the saga starts, or after, and then finds it.
  const listens = start.saga.waitsFor.length > 0;
  if (listens) await holdEvents(tx);
  const inserted = tx.defer<RawRow>(
    `insert into ramet_sagas
       (id, type, program_version, business_key, state, version, epoch, owner, lease_until, input, initiator, initiator_issuer, trace, events_from, created_at, updated_at)
     select ?, ?, cast(? as integer), ?, 'RUNNING', 1, 1, ?, ramet_now() + ?, ?, ?, ?, ?,
       ${listens ? '(select seq from ramet_saga_counter where id = 0)' : 'cast(null as bigint)'}, ramet_now(), ramet_now()
     where not exists (select 1 from ramet_saga_keys where type = ? and business_key = ?) on conflict do nothing returning *`,
    id,
    start.saga.name,
    start.saga.version,
    key,
    owner,
    leaseMs,
    JSON.stringify(start.input),
    start.initiation.initiator ?? '',
    start.initiation.initiatorIssuer ?? null,
    JSON.stringify(start.trace),
    start.saga.name,
    key,
  );
  tx.defer(
    `insert into ramet_saga_log (saga_id, seq, at, actor, became, detail)
     select id, 1, ramet_now(), 'engine', 'RUNNING', ? from ramet_sagas where id = ?`,
    `version ${start.saga.version}`,
    id,
  );
  return inserted;
}

/**
 * Requests that a saga stops and undoes itself. The saga obeys at its next step or attempt, and at once while it sleeps, waits or
 * is diverged. The request is refused once the intent of the pivot is stored. Both decide by the same row, so there is never a
 * doubt about which was first.
 * @returns 'accepted' also if the saga is being undone, or was undone, already
 */
export async function requestCancel(
  tx: Tx,
  saga: { name: string },
  key: string,
  reason: string,
): Promise<{ answer: 'accepted' | 'refused'; sagaId?: string }> {
  const look = () =>
    tx.get<{ id: string; state: string; pivoted: number; cancel_reason: string | null }>(
      'select id, state, pivoted, cancel_reason from ramet_sagas where type = ? and business_key = ?',
      saga.name,
      key,
    );
  const row = await look();
  if (!row) {
    const past = await tx.get<{ saga_id: string; state: string }>(
      'select saga_id, state from ramet_saga_keys where type = ? and business_key = ?',
      saga.name,
      key,
    );
    return past && UNDOING.has(past.state) ? { answer: 'accepted', sagaId: past.saga_id } : { answer: 'refused' };
  }
  if (UNDOING.has(row.state)) return { answer: 'accepted', sagaId: row.id };
  if (row.state === 'DIVERGED' && (await undoDiverged(tx, row.id, reason))) return { answer: 'accepted', sagaId: row.id };
  if (row.state !== 'RUNNING' || Number(row.pivoted) === 1) return { answer: 'refused' };
  if (row.cancel_reason === null) {
    // The row decides as it is now: since it was read, the pivot may have been stored, or the undo may have begun.
    const asked = await tx.run(
      `update ramet_sagas set cancel_reason = ?, lease_until = case when owner is null then 0 else lease_until end
       where id = ? and state = 'RUNNING' and pivoted = 0`,
      reason,
      row.id,
    );
    if (asked === 0) return UNDOING.has((await look())?.state ?? '') ? { answer: 'accepted', sagaId: row.id } : { answer: 'refused' };
    appendLog(tx, row.id, [{ actor: 'command', became: 'CANCEL_REQUESTED', detail: reason }]);
  }
  return { answer: 'accepted', sagaId: row.id };
}

/** Undoes a saga whose program does not fit its journal: an undo needs no program. */
async function undoDiverged(tx: Tx, id: string, reason: string): Promise<boolean> {
  const undone = await tx.run(
    `update ramet_sagas set state = 'COMPENSATING', cancel_reason = ?, failure = coalesce(failure, ?), attention = null,
       version = version + 1, owner = null, lease_until = 0, updated_at = ramet_now()
     where id = ? and state = 'DIVERGED' and pivoted = 0`,
    reason,
    reason,
    id,
  );
  if (undone > 0) appendLog(tx, id, [{ actor: 'command', was: 'DIVERGED', became: 'COMPENSATING', detail: reason }]);
  return undone > 0;
}

/** States of a saga that is being undone, was undone, or waits for an operator during the undo. */
const UNDOING: ReadonlySet<string> = new Set(['COMPENSATING', 'COMPENSATED', 'COMPENSATION_FAILED', 'IN_DOUBT']);
