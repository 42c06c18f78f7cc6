import { RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { Tx } from '../../store/index.ts';
import type { Delivery } from '../bus.ts';
import type { Envelope } from '../envelope.ts';

/*
 * A key of a subscriber is open, or blocked by a row in `ramet_retries`:
 *   (open) --failure--> RETRYING --success--> DRAINING --nothing parked--> (open)
 *                       RETRYING --too many or permanent--> QUARANTINED --replay--> RETRYING
 *                       DRAINING --next parked event--> RETRYING
 *                       DRAINING --another dead letter of the key--> QUARANTINED
 * Events of one key from two sources may fail at the same time: the row is of one of them, the other one waits as a parked
 * event or as a dead letter of its own, and the key opens when neither is left. While it is blocked, later events of the key are parked in the order in which they came. The row in the inbox means that
 * the subscriber has taken the event over, wherever it is now; so it can be redelivered at will.
 *
 * With the policy `skip` a failed event blocks itself only: its row bears its own id as the key, and goes when it succeeds or
 * becomes a dead letter.
 */

/**
 * What becomes of a subscription when one of its events cannot be handled:
 * - `park-key`: later events of the key wait behind it, in their order; other keys go on;
 * - `skip`: nothing waits; events of one key may overtake each other;
 * - `halt`: nothing behind it in its partition is handled until a person has decided.
 */
export type PoisonPolicy = 'park-key' | 'skip' | 'halt';

export interface Failure {
  readonly message: string;
  /** Where it was thrown, and what caused it; empty where no code threw. */
  readonly stack: string;
  readonly stackHash: string;
  readonly permanent: boolean;
  readonly code: string;
}

/** Errors after which another attempt cannot end otherwise. */
const PERMANENT = new Set(['PermanentFailure', 'UnknownEvent', 'BadRequest']);

/** An event that may be a repetition and that the inbox may have forgotten: handled again, it could take effect twice. */
export const BEYOND_HORIZON: Failure = {
  message: 'it may have been handled already, longer ago than the inbox remembers; replay it if it was not',
  stack: '',
  stackHash: '',
  permanent: true,
  code: 'DEDUP_HORIZON',
};

/** Errors that say nothing about the event: the store failed, or the partition is another's. */
const NOT_ITS_FAULT = new Set(['StoreUnavailable', 'ShuttingDown', 'ClaimLost']);

/** Whether it is the store that failed and not the event: no attempt is spent on that. */
export const isAway = (error: unknown): boolean => error instanceof RametError && NOT_ITS_FAULT.has(error.code);

const MESSAGE_MAX = 2_000;
const STACK_MAX = 8_000;
/** How many causes of an error are kept with its stack. */
const CAUSES_MAX = 3;

/** What is kept of an error: enough to recognise, to group and to find it, and no more than 10,000 characters. */
export function failureOf(error: unknown, platform: Platform): Failure {
  const known = error instanceof Error ? error : new Error(String(error));
  const code = error instanceof RametError ? error.code : known.name;
  const where = (known.stack ?? '').split('\n').slice(1, 4).join('\n');
  return {
    message: `${known.name}: ${known.message}`.slice(0, MESSAGE_MAX),
    stack: stackOf(known, CAUSES_MAX).slice(0, STACK_MAX),
    stackHash: platform.crypto.sha256(`${known.name}\n${where}`).slice(0, 16),
    permanent: error instanceof RametError && PERMANENT.has(code),
    code,
  };
}

function stackOf(error: Error, causes: number): string {
  const own = error.stack ?? `${error.name}: ${error.message}`;
  return causes > 0 && error.cause instanceof Error ? `${own}\ncaused by ${stackOf(error.cause, causes - 1)}` : own;
}

/** Whether this subscriber sees the event for the first time; from now on it has. */
export async function takeOver(tx: Tx, subscriber: string, envelope: Envelope): Promise<boolean> {
  return (
    (await tx.run(
      'insert into ramet_inbox (subscriber, event_id, at) values (?, ?, ramet_now()) on conflict do nothing',
      subscriber,
      envelope.id,
    )) > 0
  );
}

/** Undoes a {@link takeOver} of the same transaction: the event has still to be handled. */
export async function giveBack(tx: Tx, subscriber: string, envelope: Envelope): Promise<void> {
  await tx.run('delete from ramet_inbox where subscriber = ? and event_id = ?', subscriber, envelope.id);
}

/** As {@link takeOver} for several. @returns the ids of those that it sees for the first time */
export async function takeOverAll(tx: Tx, subscriber: string, deliveries: readonly Delivery[]): Promise<Set<string>> {
  const ids = padded(deliveries.map(({ envelope }) => envelope.id));
  const rows = await tx.all<{ event_id: string }>(
    `insert into ramet_inbox (subscriber, event_id, at) values ${ids.map(() => '(?, ?, ramet_now())').join(', ')}
     on conflict do nothing returning event_id`,
    ...ids.flatMap((id) => [subscriber, id]),
  );
  return new Set(rows.map((row) => row.event_id));
}

/** Repeats the last one, so that there are few statements of different lengths to prepare. */
function padded(values: readonly string[]): string[] {
  const length = 2 ** Math.ceil(Math.log2(values.length));
  return Array.from({ length }, (_, i) => values[Math.min(i, values.length - 1)] as string);
}

/** Whether the key is blocked. Where stores are shared the row is locked by this, so that the key cannot open before the event is parked. */
export async function isBlocked(tx: Tx, subscriber: string, key: string): Promise<boolean> {
  return (await tx.run('update ramet_retries set due_at = due_at where subscriber = ? and key = ?', subscriber, key)) > 0;
}

/** As {@link isBlocked} for several. @returns the keys that are blocked */
export async function blockedOf(tx: Tx, subscriber: string, deliveries: readonly Delivery[]): Promise<Set<string>> {
  const keys = padded([...new Set(deliveries.map(({ envelope }) => envelope.key))]);
  const rows = await tx.all<{ key: string }>(
    `update ramet_retries set due_at = due_at where subscriber = ? and key in (${keys.map(() => '?').join(', ')}) returning key`,
    subscriber,
    ...keys,
  );
  return new Set(rows.map((row) => row.key));
}

/** Whether a row of `ramet_retries` is of an event that nothing waits for. */
export const isUnordered = (row: { readonly key: string; readonly event_id: string }): boolean => row.key === row.event_id;

/** Puts an event behind the ones of its key that wait already, or before them. */
export async function park(tx: Tx, subscriber: string, envelope: Envelope, where: 'last' | 'first' = 'last'): Promise<void> {
  await tx.run(
    `insert into ramet_parked (subscriber, key, seq, event_id, envelope)
     select ?, ?, ${where === 'last' ? 'coalesce(max(seq), 0) + 1' : 'coalesce(min(seq), 1) - 1'}, ?, ? from ramet_parked where subscriber = ? and key = ?`,
    subscriber,
    envelope.key,
    envelope.id,
    JSON.stringify(envelope),
    subscriber,
    envelope.key,
  );
}

/** Blocks the event's key and plans another attempt in `delayMs`; when the key is blocked already, the event waits its turn. */
export async function startRetrying(
  tx: Tx,
  subscriber: string,
  policy: PoisonPolicy,
  envelope: Envelope,
  failure: Failure,
  attempts: number,
  delayMs: number,
): Promise<void> {
  // A row that is there is locked by this: it must not go before the event has been parked behind it.
  const head = await tx.get<{ event_id: string }>(
    `insert into ramet_retries (subscriber, key, event_id, state, attempts, due_at, first_failed_at, error, envelope)
     values (?, ?, ?, 'RETRYING', ?, ramet_now() + ?, ramet_now(), ?, ?)
     on conflict (subscriber, key) do update set due_at = ramet_retries.due_at returning event_id`,
    subscriber,
    policy === 'skip' ? envelope.id : envelope.key,
    envelope.id,
    attempts,
    Math.round(delayMs),
    failure.message,
    JSON.stringify(envelope),
  );
  if (head?.event_id !== envelope.id && policy !== 'skip') await park(tx, subscriber, envelope);
}

/**
 * Makes the event a dead letter. Where events are in order its key goes into quarantine until the letter is replayed or
 * discarded; a key that another event blocks stays with that one, and comes to this letter later.
 */
export async function deadLetter(
  tx: Tx,
  platform: Platform,
  subscriber: string,
  policy: PoisonPolicy,
  envelope: Envelope,
  failure: Failure,
  attempts: number,
): Promise<void> {
  await recordLetter(tx, platform, subscriber, policy, envelope, failure, attempts);
  if (policy === 'skip') {
    await tx.run('delete from ramet_retries where subscriber = ? and key = ? and event_id = ?', subscriber, envelope.id, envelope.id);
    return;
  }
  await tx.run(
    `insert into ramet_retries (subscriber, key, event_id, state, attempts, due_at, first_failed_at, error, envelope)
     values (?, ?, ?, 'QUARANTINED', ?, 0, ramet_now(), ?, ?)
     on conflict (subscriber, key) do update set state = 'QUARANTINED', attempts = excluded.attempts, error = excluded.error
     where ramet_retries.event_id = excluded.event_id`,
    subscriber,
    envelope.key,
    envelope.id,
    attempts,
    failure.message,
    JSON.stringify(envelope),
  );
}

/** Writes the letter itself; one that is there already was written under another policy, and gives way. */
export async function recordLetter(
  tx: Tx,
  platform: Platform,
  subscriber: string,
  policy: PoisonPolicy,
  envelope: Envelope,
  failure: Failure,
  attempts: number,
): Promise<void> {
  const first = await tx.get<{ first_failed_at: number }>(
    `select first_failed_at from ramet_retries where subscriber = ? and event_id = ?
     union all select first_failed_at from ramet_halts where subscriber = ? and event_id = ?`,
    subscriber,
    envelope.id,
    subscriber,
    envelope.id,
  );
  await tx.run(
    `insert into ramet_dead_letters
       (id, subscriber, event_id, event, key, envelope, reason, error, stack, stack_hash, attempts, first_failed_at, last_failed_at, policy)
     values (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, coalesce(?, ramet_now()), ramet_now(), ?)
     on conflict (id) do update set reason = excluded.reason, error = excluded.error, stack = excluded.stack, stack_hash = excluded.stack_hash,
       attempts = excluded.attempts, last_failed_at = excluded.last_failed_at, policy = excluded.policy`,
    `dl_${platform.crypto.sha256(`${subscriber}/${envelope.id}`).slice(0, 24)}`,
    subscriber,
    envelope.id,
    envelope.type,
    envelope.key,
    JSON.stringify(envelope),
    failure.code,
    failure.message,
    failure.stack,
    failure.stackHash,
    attempts,
    first?.first_failed_at ?? null,
    policy,
  );
}
