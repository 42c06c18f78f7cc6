import { RametError } from '../../errors/index.ts';
import type { Reader, Store, Tx } from '../../store/index.ts';
import type { Trace } from '../../telemetry/index.ts';
import type { Invocation } from '../saga.ts';
import { FENCES_KEPT } from '../tables.ts';

/*
 * The states of a saga:
 *   RUNNING ----program returned----> COMPLETED
 *   RUNNING ----failed or cancelled, before the pivot----> COMPENSATING
 *   RUNNING ----program does not fit the journal, or failed after the pivot----> DIVERGED (waits for an operator)
 *   COMPENSATING ----all undone----> COMPENSATED
 *   COMPENSATING ----some undo failed three times----> COMPENSATION_FAILED (waits for an operator)
 *   COMPENSATING ----outcome of some effect stays unknown----> IN_DOUBT (waits for an operator)
 * An operator returns a saga from the last three to RUNNING or COMPENSATING.
 *
 * The states of a step: STARTED (intent stored) -> OK | REJECTED | UNKNOWN; then, when undone:
 *   STARTED (attempt) -> COMPENSATED | COMP_FAILED | IN_DOUBT; an operator may also mark it SKIPPED.
 * The states of a sleep or a wait: STARTED -> OK (with the event's data, or without it after the timeout) | CANCELLED (the saga is undone).
 */
export type SagaState = 'RUNNING' | 'COMPENSATING' | 'COMPLETED' | 'COMPENSATED' | 'COMPENSATION_FAILED' | 'IN_DOUBT' | 'DIVERGED';
/** The kinds of rows in a journal. */
export type StepKind = 'step' | 'pivot' | 'ask' | 'value' | 'sleep' | 'wait';
/** The states of a step going forward. */
export type StepState = 'STARTED' | 'OK' | 'REJECTED' | 'UNKNOWN' | 'CANCELLED';
/** The states of the undo of a step. */
export type CompState = 'STARTED' | 'COMPENSATED' | 'COMP_FAILED' | 'IN_DOUBT' | 'SKIPPED';

/** A saga as its row stores it. */
export interface SagaRow {
  readonly id: string;
  readonly type: string;
  readonly programVersion: number;
  readonly key: string;
  readonly input: unknown;
  readonly initiator: string;
  readonly initiatorIssuer?: string;
  readonly trace: Trace;
  readonly createdAt: number;
  /** How often in a row its process crashed before the saga had written anything. */
  readonly crashes: number;
  state: SagaState;
  version: number;
  epoch: number;
  failure: string | undefined;
  result: unknown;
  cancelReason: string | undefined;
  pivoted: boolean;
  attention: string | undefined;
  updatedAt: number;
}

/** Says whether a step makes no call: the saga continues when the event has arrived or the time is over. */
export const isWaiting = (step: Pick<StepRow, 'kind'>): boolean => step.kind === 'sleep' || step.kind === 'wait';

/** A step as its row stores it. */
export interface StepRow {
  readonly idx: number;
  readonly name: string;
  readonly kind: StepKind;
  readonly invocation: Invocation;
  readonly undo: Invocation | undefined;
  readonly stepKey: string;
  readonly intentAt: number;
  /** How long all attempts together may take, counted from the intent; undefined for no limit. */
  readonly deadlineMs: number | undefined;
  /** The topic and the key of the awaited event. */
  readonly awaits: { readonly event: string; readonly key: string } | undefined;
  /** What was left of the deadline when the step was loaded. */
  readonly remainingMs: number | undefined;
  /** How old the intent was when this process claimed the saga, in milliseconds; negative if it was stored after that. */
  readonly ageMs: number;
  state: StepState;
  result: unknown;
  error: StepError | undefined;
  compState: CompState | undefined;
  compAttempt: number;
  compError: string | undefined;
  /**
   * The number of the outcome, in the order in which the program received the outcomes, from 1; undefined while there is none.
   * A value does not have one: the program does not wait for it.
   */
  delivery: number | undefined;
}

/** A step that a program is about to take. */
export interface Intent {
  readonly name: string;
  readonly kind: StepKind;
  readonly invocation: Invocation;
  readonly undo?: Invocation | undefined;
  /** How long all attempts together may take, or how long the saga sleeps or waits; undefined for no limit. */
  readonly deadlineMs?: number | undefined;
  readonly awaits?: StepRow['awaits'];
  readonly result?: unknown;
}

/** Why a step did not happen; the program receives it again after a restart. */
export type StepError =
  | { readonly kind: 'declared'; readonly error: string; readonly status: number; readonly data: unknown }
  | { readonly kind: 'fault'; readonly code: string; readonly detail: string };

/** A line of a saga's log. */
export interface LogEntry {
  readonly actor: string;
  readonly step?: string;
  readonly was?: string;
  readonly became: string;
  readonly detail?: string;
}

/** A row as the store returns it. */
export type RawRow = Record<string, string | number | null>;
const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
const parsed = (text: string | number | null | undefined): any => (text == null ? undefined : JSON.parse(String(text)));
/**
 * Copies a value as the journal would return it. A program receives this copy and never the value that will be written: it may
 * change what it receives, and must receive the same when it runs again.
 */
export const reread = <T>(value: T): T => parsed(json(value));

/** Reads a saga from its row. */
export function sagaOf(row: RawRow): SagaRow {
  return {
    id: row['id'] as string,
    type: row['type'] as string,
    programVersion: Number(row['program_version']),
    key: row['business_key'] as string,
    input: parsed(row['input']),
    initiator: row['initiator'] as string,
    ...(row['initiator_issuer'] == null ? {} : { initiatorIssuer: row['initiator_issuer'] as string }),
    trace: parsed(row['trace']),
    createdAt: Number(row['created_at']),
    crashes: Number(row['crashes'] ?? 0),
    state: row['state'] as SagaState,
    version: Number(row['version']),
    epoch: Number(row['epoch']),
    failure: (row['failure'] as string | null) ?? undefined,
    result: parsed(row['result']),
    cancelReason: (row['cancel_reason'] as string | null) ?? undefined,
    pivoted: Number(row['pivoted']) === 1,
    attention: (row['attention'] as string | null) ?? undefined,
    updatedAt: Number(row['updated_at']),
  };
}

/** Reads a step from its row. */
export function stepOf(row: RawRow): StepRow {
  return {
    idx: Number(row['idx']),
    name: row['name'] as string,
    kind: row['kind'] as StepKind,
    invocation: parsed(row['invocation']),
    undo: parsed(row['undo']),
    stepKey: row['step_key'] as string,
    intentAt: Number(row['intent_at']),
    deadlineMs: row['deadline_at'] == null ? undefined : Number(row['deadline_at']) - Number(row['intent_at']),
    remainingMs: row['remaining_ms'] == null ? undefined : Number(row['remaining_ms']),
    ageMs: Number(row['age_ms']),
    awaits: row['event'] == null ? undefined : { event: row['event'] as string, key: row['event_key'] as string },
    state: row['state'] as StepState,
    result: parsed(row['result']),
    error: parsed(row['error']),
    compState: (row['comp_state'] as CompState | null) ?? undefined,
    compAttempt: Number(row['comp_attempt']),
    compError: (row['comp_error'] as string | null) ?? undefined,
    delivery: row['delivery'] == null ? undefined : Number(row['delivery']),
  };
}

/** Loads the steps of a saga, in the order of their intents. */
export async function loadSteps(store: Store, sagaId: string): Promise<StepRow[]> {
  const rows = await store.reader.all<RawRow>(
    'select *, deadline_at - ramet_now() as remaining_ms, ramet_now() - intent_at as age_ms from ramet_saga_steps where saga_id = ? order by idx',
    sagaId,
  );
  return rows.map(stepOf);
}

/** Returns the steps whose outcome has no number yet, in the order of the outcomes. */
export async function unnumbered(store: Store, sagaId: string, steps: readonly StepRow[]): Promise<StepRow[]> {
  const old = steps.filter(
    ({ kind, state, delivery }) => kind !== 'value' && delivery === undefined && (state === 'OK' || state === 'REJECTED'),
  );
  if (old.length === 0) return old;
  const rows = await store.reader.all<{ step: string; seq: number }>(
    "select step, max(seq) as seq from ramet_saga_log where saga_id = ? and became in ('OK', 'REJECTED') group by step",
    sagaId,
  );
  const places = new Map(rows.map(({ step, seq }) => [step, Number(seq)]));
  return old.sort((a, b) => (places.get(a.name) ?? 0) - (places.get(b.name) ?? 0) || a.idx - b.idx);
}

/** Stores the intent of a step, at the end of the transaction. */
export function insertStep(tx: Tx, sagaId: string, step: StepRow): void {
  tx.defer(
    `insert into ramet_saga_steps
       (saga_id, idx, name, kind, invocation, undo, state, attempt, step_key, intent_at, deadline_at, result, event, event_key, updated_at)
     values (?, ?, ?, ?, ?, ?, ?, 1, ?, ramet_now(), ramet_now() + ?, ?, ?, ?, ramet_now())`,
    sagaId,
    step.idx,
    step.name,
    step.kind,
    JSON.stringify(step.invocation),
    json(step.undo),
    step.state,
    step.stepKey,
    step.deadlineMs === undefined ? null : Math.round(step.deadlineMs),
    json(step.result),
    step.awaits?.event ?? null,
    step.awaits?.key ?? null,
  );
}

/** Stores the outcome of a step, at the end of the transaction. */
export function updateStep(tx: Tx, sagaId: string, step: StepRow): void {
  tx.defer(
    `update ramet_saga_steps set state = ?, result = ?, error = ?, comp_state = ?, comp_attempt = ?, comp_error = ?, delivery = ?,
       updated_at = ramet_now()
     where saga_id = ? and idx = ?`,
    step.state,
    json(step.result),
    json(step.error),
    step.compState ?? null,
    step.compAttempt,
    step.compError ?? null,
    step.delivery ?? null,
    sagaId,
    step.idx,
  );
}

/** Appends to the saga's log. The caller has written the saga's row in the same transaction before, so it is the only writer. */
export function appendLog(tx: Tx, sagaId: string, entries: readonly LogEntry[]): void {
  for (let from = 0; from < entries.length; from += ENTRIES_AT_ONCE) {
    const some = entries.slice(from, from + ENTRIES_AT_ONCE);
    tx.defer(
      `insert into ramet_saga_log (saga_id, seq, at, actor, step, was, became, detail)
       select column2, coalesce((select max(seq) from ramet_saga_log where saga_id = ?), 0) + column1, ramet_now(), column3, column4, column5, column6, column7
       from (values ${some.map((_, i) => `(${i + 1}, ?, ?, ?, ?, ?, ?)`).join(', ')}) as entries`,
      sagaId,
      ...some.flatMap(({ actor, step, was, became, detail }) => [sagaId, actor, step ?? null, was ?? null, became, detail ?? null]),
    );
  }
}

const ENTRIES_AT_ONCE = 16;

/** Whether a saga has ended for good: neither its program nor an operator can resume it. */
const hasEnded = (state: SagaState, attention: string | undefined): boolean =>
  state === 'COMPLETED' || state === 'COMPENSATED' || (state === 'COMPENSATION_FAILED' && attention === undefined);

/** Returns the SQL that notes the end of a saga in an update of its row, and when its participants are notified. */
export const noteEnd = (state: SagaState, attention: string | undefined): string =>
  hasEnded(state, attention) ? `ended_at = ramet_now(), notice_at = ramet_now() + ${FENCES_KEPT.endedMs}, ` : '';

/**
 * Writes the saga's row under compare-and-set: only the owner of this epoch that has seen this version succeeds, and, with
 * `unlessCancelled`, only while no cancellation was requested. {@link refusal} says why a write failed. With `leaseMs` the lease
 * is renewed.
 */
export function saveSaga(
  tx: Tx,
  saga: SagaRow,
  { leaseMs, unlessCancelled }: { leaseMs: number | undefined; unlessCancelled: boolean },
): void {
  tx.expectRow(
    // The lease is in an index, so a write that leaves it alone costs less.
    `update ramet_sagas set state = ?, failure = ?, result = ?, pivoted = ?, attention = ?, crashes = 0, version = version + 1,
       ${noteEnd(saga.state, saga.attention)}${leaseMs === undefined ? '' : 'lease_until = ramet_now() + ?, '}updated_at = ramet_now()
     where id = ? and epoch = ? and version = ?${unlessCancelled ? ' and cancel_reason is null' : ''}`,
    saga.state,
    saga.failure ?? null,
    json(saga.result),
    saga.pivoted ? 1 : 0,
    saga.attention ?? null,
    ...(leaseMs === undefined ? [] : [leaseMs]),
    saga.id,
    saga.epoch,
    saga.version,
  );
}

/** Says why a saga could not be written: a cancellation was requested (`Cancelled`, with its reason), or another process owns it (`StaleOwner`). */
export async function refusal(reader: Pick<Reader, 'get'>, { id, epoch, version }: SagaRow): Promise<RametError> {
  const row = await reader.get<{ cancel_reason: string }>(
    'select cancel_reason from ramet_sagas where id = ? and epoch = ? and version = ? and cancel_reason is not null',
    id,
    epoch,
    version,
  );
  return row
    ? new RametError('Cancelled', row.cancel_reason)
    : new RametError('StaleOwner', `saga '${id}' is owned by another process now; epoch ${epoch}, version ${version} are outdated`);
}

/** Reads when the saga was written, by the clock of the database; available after the commit. */
export const savedAt = (tx: Tx, { id }: SagaRow): { readonly row: { readonly updated_at: number } | undefined } =>
  tx.defer('select updated_at from ramet_sagas where id = ?', id);
