import { RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { Reader, Store, Tx } from '../../store/index.ts';
import type { Delivery } from '../bus.ts';
import type { Envelope } from '../envelope.ts';
import { type Failure, giveBack, recordLetter, takeOver } from './parking.ts';

/*
 * A subscription with the policy `halt` stands in a partition at the event that it cannot handle, by a row in `ramet_halts`:
 *   (goes on) --failure--> RETRYING --success--> (goes on)
 *                          RETRYING --too many or permanent--> HALTED --replay--> RETRYING
 *                                                              HALTED --discard--> (goes on)
 * The event is in the inbox only when it was handled or discarded: until then the bus brings it again and again. Nothing stands
 * at an event that is in the inbox: two processes may be at one event (one was thought dead, or was killed while its commit was
 * under way), and the one that fails must not stand at what the other one has handled.
 */

/** Where a subscription stands in a partition. */
export interface Halt {
  readonly pos: number;
  readonly state: 'RETRYING' | 'HALTED';
  readonly attempts: number;
  /** How long until the next attempt, in milliseconds. */
  readonly waitMs: number;
}

/** The place in a partition at which a subscription stands, or is about to. */
export interface Place {
  readonly subscriber: string;
  readonly source: string;
  readonly p: number;
  /** Refuses a transaction of a process whose partition another one has, and keeps that so until it ends. @throws RametError ClaimLost */
  readonly hold: (tx: Tx) => Promise<void>;
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

/** The subscription stands: nothing that a handler threw, and no attempt. */
export class Standing extends RametError {}

export const halted = (subscriber: string, source: string, pos: number, retryAfterMs: number): Standing =>
  new Standing('SubscriptionHalted', `'${subscriber}' stands at position ${pos} of '${source}'`, {
    retryAfterMs: Math.max(1, Math.min(LOOK_MS, retryAfterMs)),
  });

/**
 * Counts an attempt before it is made, in a commit of its own.
 * @returns which attempt it is
 * @throws RametError SubscriptionHalted when the subscription does not stand as it did: somebody else counted, handled or decided
 */
export async function countAttempt(store: Store, { subscriber, source, p, hold }: Place, halt: Halt): Promise<number> {
  const attempts = halt.attempts + 1;
  const counted = await store.write(
    async (tx) => {
      await hold(tx);
      return tx.run(
        `update ramet_halts set attempts = ?
         where subscriber = ? and source = ? and p = ? and pos = ? and state = 'RETRYING' and attempts = ?`,
        attempts,
        subscriber,
        source,
        p,
        halt.pos,
        halt.attempts,
      );
    },
    { name: `${subscriber} retry` },
  );
  if (counted === 0) throw halted(subscriber, source, halt.pos, 0);
  return attempts;
}

/** How an attempt ended without success. */
export interface Attempt {
  readonly failure: Failure;
  /** What was counted for it, which says that the row is still the one that it was counted in. */
  readonly counted: number;
  /** How many were made. */
  readonly made: number;
  /** How long until the next one; undefined where the subscription stands for good. */
  readonly delayMs: number | undefined;
}

/**
 * Makes the subscription stand at an event.
 * @returns `settled` when the event was handled or discarded meanwhile: there is nothing to stand at; `elsewhere` when somebody else
 * has counted, stood or decided since the attempt began, and what he wrote remains
 * @throws RametError ClaimLost
 */
export async function stand(
  tx: Tx,
  platform: Platform,
  { subscriber, source, p, hold }: Place,
  { pos, envelope }: Delivery,
  { failure, counted, made, delayMs }: Attempt,
): Promise<'stands' | 'settled' | 'elsewhere'> {
  await hold(tx);
  // The row in the inbox is there until the end of the transaction only: whoever handles the event now waits for it, and finds the halt.
  if (!(await takeOver(tx, subscriber, envelope))) {
    await leave(tx, subscriber, envelope.id);
    return 'settled';
  }
  const rows = await tx.run(
    `insert into ramet_halts (subscriber, source, p, pos, event_id, state, attempts, due_at, first_failed_at, error)
     values (?, ?, ?, ?, ?, ?, ?, ramet_now() + ?, ramet_now(), ?)
     on conflict (subscriber, source, p) do update set
       pos = excluded.pos, event_id = excluded.event_id, state = excluded.state, attempts = excluded.attempts, due_at = excluded.due_at,
       first_failed_at = case when ramet_halts.pos = excluded.pos then ramet_halts.first_failed_at else excluded.first_failed_at end,
       error = excluded.error
     where ramet_halts.pos < excluded.pos
       or (ramet_halts.pos = excluded.pos and ramet_halts.state = 'RETRYING' and ramet_halts.attempts = ?)`,
    subscriber,
    source,
    p,
    pos,
    envelope.id,
    delayMs === undefined ? 'HALTED' : 'RETRYING',
    made,
    Math.round(delayMs ?? 0),
    failure.message,
    counted,
  );
  await giveBack(tx, subscriber, envelope);
  if (rows === 0) return 'elsewhere';
  if (delayMs === undefined) await recordLetter(tx, platform, subscriber, 'halt', envelope, failure, made);
  return 'stands';
}

/**
 * The event is being handled: the subscription goes on behind it.
 * @returns whether it stood there
 * @throws RametError SubscriptionHalted when it stands there until a person has decided
 */
export async function goOn(
  tx: Tx,
  { subscriber, source }: Pick<Place, 'subscriber' | 'source'>,
  { pos, envelope }: Delivery,
): Promise<boolean> {
  const row = await tx.get<{ state: Halt['state'] }>(
    'delete from ramet_halts where subscriber = ? and event_id = ? returning state',
    subscriber,
    envelope.id,
  );
  if (row?.state === 'HALTED') throw halted(subscriber, source, pos, LOOK_MS);
  return row !== undefined;
}

/** Nothing is left to decide or to try at the event. */
export async function leave(tx: Tx, subscriber: string, eventId: string): Promise<void> {
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
