import { RametError } from '../../errors/index.ts';
import { LEASE_MS } from '../../platform/index.ts';
import type { Reply } from '../../rpc/index.ts';
import { FENCES_KEPT } from '../../saga/index.ts';
import type { Caller } from '../../security/index.ts';
import type { Reader, Tx } from '../../store/index.ts';
import type { Trace } from '../../telemetry/index.ts';
import { isOfRequest } from '../tables.ts';
import type { FenceState } from './fences.ts';

/** The caller of an effect, and its trace; stored, because another process may continue it. */
export interface EffectOrigin {
  readonly caller: Caller;
  readonly trace: Trace;
  /** The key of the step that this effect undoes, the reason, and the answer of the step. */
  readonly undoes?: { readonly key: string; readonly reason: string; readonly result: unknown };
}

/** An effect between its two transactions. */
export interface EffectRow {
  readonly key: string;
  readonly state: FenceState;
  readonly operation: string;
  readonly origin: EffectOrigin;
  readonly request: unknown;
  readonly result: Reply | undefined;
  readonly attempt: number;
  /** Milliseconds of database time since the last attempt began. */
  readonly sinceAttemptMs: number;
  /** Milliseconds until no further attempt may begin; undefined if attempts continue until the outcome is known. */
  readonly remainingMs: number | undefined;
  readonly sagaEpoch: number;
  /** The process that works on it, and the rest of its lease, in milliseconds of database time. */
  readonly owner: string | undefined;
  readonly leaseMs: number;
  /** How often in a row the process that worked on it crashed. */
  readonly crashes: number;
}

/** Takes over an effect whose owner crashed, and counts the crash. @returns false if another process was faster */
export async function takeOverEffect(tx: Tx, row: EffectRow, owner: string): Promise<boolean> {
  const taken = await tx.run(
    `update ramet_fences set crashes = crashes + 1, owner = ?, next_at = ramet_now() + ?
     where step_key = ? and state = ? and owner = ? and attempt = ?`,
    owner,
    LEASE_MS,
    row.key,
    row.state,
    row.owner ?? null,
    row.attempt,
  );
  return taken > 0;
}

type Raw = Record<string, string | number | null>;

/** Reads an effect by its key. */
export async function effectRow(reader: Reader | Tx, key: string): Promise<EffectRow | undefined> {
  const row = await reader.get<Raw>(
    'select *, ramet_now() - last_attempt_at as since_attempt, not_after - ramet_now() as remaining, next_at - ramet_now() as lease from ramet_fences where step_key = ?',
    key,
  );
  if (!row) return undefined;
  const parsed = (text: string | number | null | undefined) => (text == null ? undefined : JSON.parse(String(text)));
  return {
    key,
    state: row['state'] as FenceState,
    operation: row['operation'] as string,
    origin: parsed(row['context']),
    request: parsed(row['request']),
    result: parsed(row['result']),
    attempt: Number(row['attempt']),
    sinceAttemptMs: Number(row['since_attempt'] ?? 0),
    remainingMs: row['remaining'] == null ? undefined : Number(row['remaining']),
    sagaEpoch: Number(row['saga_epoch']),
    owner: (row['owner'] as string | null) ?? undefined,
    leaseMs: Number(row['lease'] ?? 0),
    crashes: Number(row['crashes']),
  };
}

/** Writes the intent, counted as the first attempt. @returns false if the key is known */
export async function insertEffect(
  tx: Tx,
  effect: {
    key: string;
    operation: string;
    input: unknown;
    origin: EffectOrigin;
    epoch: number;
    notAfterMs: number | undefined;
    owner: string;
  },
): Promise<boolean> {
  const inserted = await tx.run(
    `insert into ramet_fences
       (step_key, state, operation, saga_epoch, asked_by, updated_at, keep_until, input, context, attempt, last_attempt_at, next_at, not_after, owner)
     values (?, 'STARTED', ?, ?, ?, ramet_now(), ramet_now() + ?, ?, ?, 1, ramet_now(), ramet_now() + ?, ramet_now() + ?, ?) on conflict do nothing`,
    effect.key,
    effect.operation,
    effect.epoch,
    effect.origin.caller.subject,
    // The fence of a request is kept longer than its key, so that a repetition joins the effect under way.
    isOfRequest(effect.key) ? FENCES_KEPT.endedMs : FENCES_KEPT.unheardMs,
    JSON.stringify(effect.input ?? null),
    JSON.stringify(effect.origin),
    LEASE_MS,
    effect.notAfterMs === undefined ? null : Math.round(effect.notAfterMs),
    effect.owner,
  );
  return inserted > 0;
}

/** Stores the request of an effect, at the end of its first transaction. */
export function setRequest(tx: Tx, key: string, request: unknown): void {
  tx.defer('update ramet_fences set request = ? where step_key = ?', JSON.stringify(request ?? null), key);
}

/**
 * Counts an attempt before it begins.
 * @param lastEnded whether the previous attempt is known to have ended
 * @returns false if another process has moved the effect in the meantime
 */
export async function countAttempt(tx: Tx, row: EffectRow, owner: string, lastEnded: boolean): Promise<boolean> {
  const mine = await tx.run(
    `update ramet_fences set attempt = attempt + 1, ${lastEnded ? 'crashes = 0, ' : ''} last_attempt_at = ramet_now(), next_at = ramet_now() + ?, owner = ?, updated_at = ramet_now()
     where step_key = ? and state = 'STARTED' and attempt = ?`,
    LEASE_MS,
    owner,
    row.key,
    row.attempt,
  );
  return mine > 0;
}

/** Renews the lease of an effect that waits. */
export function keepEffect(tx: Tx, key: string): void {
  tx.defer('update ramet_fences set next_at = ramet_now() + ? where step_key = ?', LEASE_MS, key);
}

/** Gives back the effects of a process that stops, so that other processes adopt them at once and count no crash. */
export function giveBackEffects(tx: Tx, owner: string): void {
  tx.defer(
    "update ramet_fences set next_at = ramet_now(), owner = null where state in ('STARTED', 'CANCELLING') and owner = ? and next_at is not null",
    owner,
  );
}

/** Thrown when another process has moved the effect in the meantime: its row decides now. */
export class EffectMoved extends RametError {
  constructor(key: string) {
    super('ConcurrencyConflict', `another process has moved effect '${key}'`);
  }
}

/**
 * Moves an effect to another state, if it is still in one of the states `from`.
 * @throws EffectMoved when it is not
 */
export async function moveEffect(
  tx: Tx,
  key: string,
  from: readonly FenceState[],
  to: FenceState,
  more: { result?: Reply; outcome?: unknown } = {},
): Promise<void> {
  const mine = await tx.run(
    `update ramet_fences set state = ?, result = coalesce(?, result), outcome = coalesce(?, outcome), updated_at = ramet_now()
     where step_key = ? and state in (${from.map(() => '?').join(', ')})`,
    to,
    more.result === undefined ? null : JSON.stringify(more.result),
    more.outcome === undefined ? null : JSON.stringify(more.outcome),
    key,
    ...from,
  );
  if (mine === 0) throw new EffectMoved(key);
}

/** Returns the keys of effects under way whose lease has expired. @param all returns all effects under way, for a store of one process */
export async function abandonedEffects(reader: Reader, all: boolean, limit: number): Promise<string[]> {
  const rows = await reader.all<{ step_key: string }>(
    `select step_key from ramet_fences where state in ('STARTED', 'CANCELLING') and next_at is not null ${all ? '' : 'and next_at <= ramet_now()'} order by next_at limit ?`,
    limit,
  );
  return rows.map((row) => row.step_key);
}
