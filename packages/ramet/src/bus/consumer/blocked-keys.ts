import type { Tx } from '../../store/index.ts';
import type { Delivery } from '../bus.ts';
import type { Envelope } from '../envelope.ts';
import { padded } from './inbox.ts';
import type { GivenUp } from './letters.ts';

/*
 * A key of a subscriber is open, or blocked by a row in `ramet_retries`:
 *   (open) --failure--> RETRYING --success--> DRAINING --nothing parked--> (open)
 *                       RETRYING --too many or permanent--> QUARANTINED --replay--> RETRYING
 *                       DRAINING --next parked event--> RETRYING
 *                       DRAINING --another dead letter of the key--> QUARANTINED
 * The row belongs to one event. When events of one key from two sources fail at the same time, the other one waits as a parked
 * event or as a dead letter of its own, and the key opens when neither is left. While the key is blocked, its later events are
 * parked in the order in which they arrived.
 *
 * Under the policy `skip` a failed event blocks itself only: its row has its own id as the key, and is deleted when the event
 * succeeds or becomes a dead letter.
 */

/** What a row of `ramet_retries` is written for. */
export interface Blocked {
  /** The key that is blocked: that of the event, or its own id where nothing waits for it. */
  readonly key: string;
  readonly event: GivenUp;
}

/** Whether a row of `ramet_retries` is that of an event for which nothing waits. */
export const isUnordered = (row: { readonly key: string; readonly event_id: string }): boolean => row.key === row.event_id;

/** Whether the key is blocked. Where stores are shared this locks the row, so that the key cannot open before the event is parked. */
export async function isBlocked(tx: Tx, subscriber: string, key: string): Promise<boolean> {
  return (await tx.run('update ramet_retries set due_at = due_at where subscriber = ? and key = ?', subscriber, key)) > 0;
}

/** Looks up the blocked ones among the keys of several events, as {@link isBlocked}. @returns the keys that are blocked */
export async function blockedOf(tx: Tx, subscriber: string, deliveries: readonly Delivery[]): Promise<Set<string>> {
  const keys = padded([...new Set(deliveries.map(({ envelope }) => envelope.key))]);
  const rows = await tx.all<{ key: string }>(
    `update ramet_retries set due_at = due_at where subscriber = ? and key in (${keys.map(() => '?').join(', ')}) returning key`,
    subscriber,
    ...keys,
  );
  return new Set(rows.map((row) => row.key));
}

/** Parks an event behind those of its key that wait already, or before them. */
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

/**
 * Blocks a key and plans another attempt of its event in `delayMs`. A key that is blocked already stays so by its own event.
 * @returns whether the key is blocked by this event now
 */
export async function block(tx: Tx, subscriber: string, { key, event }: Blocked, delayMs: number): Promise<boolean> {
  const { envelope, failure, attempts } = event;
  // This locks a row that exists: it must not be deleted before the event has been parked behind it.
  const head = await tx.get<{ event_id: string }>(
    `insert into ramet_retries (subscriber, key, event_id, state, attempts, due_at, first_failed_at, error, envelope)
     values (?, ?, ?, 'RETRYING', ?, ramet_now() + ?, ramet_now(), ?, ?)
     on conflict (subscriber, key) do update set due_at = ramet_retries.due_at returning event_id`,
    subscriber,
    key,
    envelope.id,
    attempts,
    Math.round(delayMs),
    failure.message,
    JSON.stringify(envelope),
  );
  return head?.event_id === envelope.id;
}

/** Puts the key of a dead letter into quarantine. A key that another event blocks stays with that one, and reaches this letter later. */
export async function quarantine(tx: Tx, subscriber: string, { envelope, failure, attempts }: GivenUp): Promise<void> {
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

/** Opens a key that a row of an event blocks for which nothing waits. */
export async function unblock(tx: Tx, subscriber: string, { id }: Envelope): Promise<void> {
  await tx.run('delete from ramet_retries where subscriber = ? and key = ? and event_id = ?', subscriber, id, id);
}
