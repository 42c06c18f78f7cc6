import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { Reader, Store, Tx } from '../store/index.ts';
import type { Delivery } from './bus.ts';
import type { Envelope } from './envelope.ts';
import { type Failure, recordLetter } from './parking.ts';

/*
 * A subscription with the policy `halt` stands in a partition at the event that it cannot handle, by a row in `ramet_halts`:
 *   (goes on) --failure--> RETRYING --success--> (goes on)
 *                          RETRYING --too many or permanent--> HALTED --replay--> RETRYING
 *                                                              HALTED --discard--> (goes on)
 * The event is in the inbox only when it was handled or discarded: until then the bus brings it again and again.
 */

/** Where a subscription stands in a partition. */
export interface Halt {
  readonly pos: number;
  readonly state: 'RETRYING' | 'HALTED';
  readonly attempts: number;
  /** How long until the next attempt, in milliseconds. */
  readonly waitMs: number;
}

/** What a subscription stands at, as operators see it. */
export interface Standstill {
  readonly source: string;
  readonly eventId: string;
  readonly error: string;
}

/** How soon a halted partition is looked at again: a person may have decided. */
const LOOK_MS = 1_000;

export async function haltOf(reader: Pick<Reader, 'get'>, subscriber: string, source: string, p: number): Promise<Halt | undefined> {
  const row = await reader.get<{ pos: number; state: Halt['state']; attempts: number; wait: number }>(
    'select pos, state, attempts, due_at - ramet_now() as wait from ramet_halts where subscriber = ? and source = ? and p = ?',
    subscriber,
    source,
    p,
  );
  return row && { pos: Number(row.pos), state: row.state, attempts: Number(row.attempts), waitMs: Number(row.wait) };
}

/** Where a subscription has halted and waits for a person. */
export async function standstills(store: Store, subscriber: string): Promise<Standstill[]> {
  const rows = await store.reader.all<{ source: string; event_id: string; error: string }>(
    "select source, event_id, error from ramet_halts where subscriber = ? and state = 'HALTED' order by source, p",
    subscriber,
  );
  return rows.map(({ source, event_id, error }) => ({ source, eventId: event_id, error }));
}

/** Refuses to go on while the subscription stands and neither a person nor the time has come. @throws RametError SubscriptionHalted */
export function standStill(subscriber: string, source: string, halt: Halt): void {
  if (halt.state === 'HALTED' || halt.waitMs > 0)
    throw halted(subscriber, source, halt.pos, halt.state === 'HALTED' ? LOOK_MS : halt.waitMs);
}

export const halted = (subscriber: string, source: string, pos: number, retryAfterMs: number): RametError =>
  new RametError('SubscriptionHalted', `'${subscriber}' stands at position ${pos} of '${source}'`, {
    retryAfterMs: Math.max(1, Math.min(LOOK_MS, retryAfterMs)),
  });

/** Counts an attempt before it is made, in a commit of its own. @returns which attempt it is */
export function countAttempt(store: Store, subscriber: string, source: string, p: number, halt: Halt): Promise<number> {
  const attempts = halt.attempts + 1;
  return store.write(
    async (tx) => {
      await tx.run(
        "update ramet_halts set attempts = ? where subscriber = ? and source = ? and p = ? and pos = ? and state = 'RETRYING'",
        attempts,
        subscriber,
        source,
        p,
        halt.pos,
      );
      return attempts;
    },
    { name: `${subscriber} retry` },
  );
}

/** Makes the subscription stand at an event, to try again in `delayMs`, or for good where that is undefined. */
export async function stand(
  tx: Tx,
  platform: Platform,
  at: { readonly subscriber: string; readonly source: string; readonly p: number; readonly delivery: Delivery },
  failure: Failure,
  attempts: number,
  delayMs: number | undefined,
): Promise<void> {
  const { subscriber, source, p, delivery } = at;
  await tx.run(
    `insert into ramet_halts (subscriber, source, p, pos, event_id, state, attempts, due_at, first_failed_at, error)
     values (?, ?, ?, ?, ?, ?, ?, ramet_now() + ?, ramet_now(), ?)
     on conflict (subscriber, source, p) do update set
       pos = excluded.pos, event_id = excluded.event_id, state = excluded.state, attempts = excluded.attempts, due_at = excluded.due_at,
       first_failed_at = case when ramet_halts.pos = excluded.pos then ramet_halts.first_failed_at else excluded.first_failed_at end,
       error = excluded.error`,
    subscriber,
    source,
    p,
    delivery.pos,
    delivery.envelope.id,
    delayMs === undefined ? 'HALTED' : 'RETRYING',
    attempts,
    Math.round(delayMs ?? 0),
    failure.message,
  );
  if (delayMs === undefined) await recordLetter(tx, platform, subscriber, 'halt', delivery.envelope, failure, attempts);
}

/** The event was handled: the subscription goes on behind it. */
export async function goOn(tx: Tx, subscriber: string, eventId: string): Promise<void> {
  await tx.run('delete from ramet_halts where subscriber = ? and event_id = ?', subscriber, eventId);
}

/** A person has decided that the event is tried again. */
export async function tryAgain(tx: Tx, subscriber: string, envelope: Pick<Envelope, 'id'>): Promise<void> {
  await tx.run(
    "update ramet_halts set state = 'RETRYING', attempts = 0, due_at = 0 where subscriber = ? and event_id = ? and state = 'HALTED'",
    subscriber,
    envelope.id,
  );
}
