import { RametError } from '../../errors/index.ts';
import type { Reader, Store, Tx } from '../../store/index.ts';
import type { Delivery } from '../bus.ts';
import type { HandlerFailure } from './failure.ts';
import { giveBack, takeOver } from './inbox.ts';
import type { Origin } from './origin.ts';

/*
 * A subscription with the policy `halt` is halted in a partition at the event that it cannot handle, by a row in `ramet_halts`:
 *   (open) --failure--> RETRYING --success--> (open)
 *                       RETRYING --too many or permanent--> HALTED --replay--> RETRYING
 *                                                           HALTED --discard--> (open)
 * The event is in the inbox only when it was handled or discarded: until then the bus delivers it again and again. No row is
 * written for an event that is in the inbox: two processes may work on one event (one was thought dead, or was killed while its
 * commit was under way), and the one that fails must not halt at what the other one has handled.
 */

/** Where a subscription is halted in a partition. */
export interface HaltState {
  /** Zero in a queue. */
  readonly pos: number;
  readonly eventId: string;
  readonly state: 'RETRYING' | 'HALTED';
  readonly attempts: number;
  /** How long until the next attempt, in milliseconds. */
  readonly waitMs: number;
}

/** What a subscription is halted at, as operators see it. */
export interface Standstill {
  /** The log of the event. */
  readonly log: string;
  readonly eventId: string;
  readonly error: string;
}

/** How soon a halted partition is looked at again: an operator may have decided. */
const LOOK_MS = 1_000;

/** Looks up where a subscription is halted in a partition. */
export async function haltOf(reader: Pick<Reader, 'get'>, subscriber: string, { log, p }: Origin): Promise<HaltState | undefined> {
  const row = await reader.get<{ pos: number; event_id: string; state: HaltState['state']; attempts: number; wait: number }>(
    'select pos, event_id, state, attempts, due_at - ramet_now() as wait from ramet_halts where subscriber = ? and source = ? and p = ?',
    subscriber,
    log,
    p,
  );
  return (
    row && {
      pos: Number(row.pos),
      eventId: row.event_id,
      state: row.state,
      attempts: Number(row.attempts),
      waitMs: Number(row.wait),
    }
  );
}

/** Lists where a subscription is halted and waits for an operator. */
export async function standstills(store: Store, subscriber: string): Promise<Standstill[]> {
  const rows = await store.reader.all<{ source: string; event_id: string; error: string }>(
    "select source, event_id, error from ramet_halts where subscriber = ? and state = 'HALTED' order by source, p",
    subscriber,
  );
  return rows.map(({ source, event_id, error }) => ({ log: source, eventId: event_id, error }));
}

/** Refuses to continue while the subscription is halted and neither an operator nor the time allows it. @throws RametError SubscriptionHalted */
export function refuseHalted(subscriber: string, { log }: Origin, halt: HaltState): void {
  if (halt.state === 'HALTED' || halt.waitMs > 0) throw halted(subscriber, log, halt.pos, halt.state === 'HALTED' ? LOOK_MS : halt.waitMs);
}

/** The subscription is halted: nothing that a handler threw, and no attempt. */
export class HaltedError extends RametError {}

/** Makes the error of a subscription that is halted at a position. */
export const halted = (subscriber: string, log: string, pos: number, retryAfterMs: number): HaltedError =>
  new HaltedError('SubscriptionHalted', `'${subscriber}' is halted at position ${pos} of '${log}'`, {
    retryAfterMs: Math.max(1, Math.min(LOOK_MS, retryAfterMs)),
  });

/**
 * Counts another attempt at the event of a halt, unless the last one was counted and not made.
 * @returns which attempt it is
 * @throws RametError SubscriptionHalted when it is too early, or the row has changed
 */
export async function attemptAtHalt(store: Store, subscriber: string, origin: Origin, halt: HaltState): Promise<number> {
  refuseHalted(subscriber, origin, halt);
  return origin.unspent === halt.eventId ? halt.attempts : countAttempt(store, subscriber, origin, halt);
}

/**
 * Counts an attempt before it is made, in a commit of its own.
 * @returns which attempt it is
 * @throws RametError SubscriptionHalted when the row has changed: another process counted or handled it, or an operator decided
 */
async function countAttempt(store: Store, subscriber: string, origin: Origin, halt: HaltState): Promise<number> {
  const attempts = halt.attempts + 1;
  const counted = await store.write(
    async (tx) => {
      await origin.hold(tx);
      return tx.run(
        `update ramet_halts set attempts = ?
         where subscriber = ? and source = ? and p = ? and pos = ? and state = 'RETRYING' and attempts = ?`,
        attempts,
        subscriber,
        origin.log,
        origin.p,
        halt.pos,
        halt.attempts,
      );
    },
    { name: `${subscriber} retry` },
  );
  if (counted === 0) throw halted(subscriber, origin.log, halt.pos, 0);
  return attempts;
}

/** An attempt that did not succeed. */
export interface FailedAttempt {
  readonly failure: HandlerFailure;
  /** What was counted for it, which says that the row is still the one that it was counted in. */
  readonly counted: number;
  /** How many were made. */
  readonly made: number;
  /** How long until the next one; undefined where the subscription halts for good. */
  readonly delayMs: number | undefined;
}

/**
 * Halts the subscription at an event.
 * @returns `settled` when the event was handled or discarded meanwhile: there is nothing to halt at; `elsewhere` when another
 * process has counted or halted, or an operator has decided, since the attempt began: what they wrote remains
 * @throws RametError ClaimLost
 */
export async function halt(
  tx: Tx,
  subscriber: string,
  origin: Origin,
  { pos, envelope }: Delivery,
  { failure, counted, made, delayMs }: FailedAttempt,
): Promise<'halted' | 'settled' | 'elsewhere'> {
  await origin.hold(tx);
  // The row in the inbox exists until the end of the transaction only: a process that handles the event now waits for it, and finds the halt.
  if (!(await takeOver(tx, subscriber, envelope))) {
    await removeHalt(tx, subscriber, envelope.id);
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
       or (ramet_halts.pos = excluded.pos and ramet_halts.event_id = excluded.event_id
         and ramet_halts.state = 'RETRYING' and ramet_halts.attempts = ?)`,
    subscriber,
    origin.log,
    origin.p,
    pos,
    envelope.id,
    delayMs === undefined ? 'HALTED' : 'RETRYING',
    made,
    Math.round(delayMs ?? 0),
    failure.message,
    counted,
  );
  await giveBack(tx, subscriber, envelope);
  return rows === 0 ? 'elsewhere' : 'halted';
}

/**
 * Lets the subscription continue behind an event that is being handled.
 * @returns whether it was halted there
 * @throws RametError SubscriptionHalted when it is halted there until an operator has decided
 */
export async function resume(
  tx: Tx,
  subscriber: string,
  { log }: Pick<Origin, 'log'>,
  { pos, envelope }: Pick<Delivery, 'pos' | 'envelope'>,
): Promise<boolean> {
  const row = await tx.get<{ state: HaltState['state'] }>(
    'delete from ramet_halts where subscriber = ? and event_id = ? returning state',
    subscriber,
    envelope.id,
  );
  if (row?.state === 'HALTED') throw halted(subscriber, log, pos, LOOK_MS);
  return row !== undefined;
}

/** Removes the halt at an event: nothing is left to decide or to try. */
export async function removeHalt(tx: Tx, subscriber: string, eventId: string): Promise<void> {
  await tx.run('delete from ramet_halts where subscriber = ? and event_id = ?', subscriber, eventId);
}

/** Has the event of a halt tried again, as an operator has decided. */
export async function retryHalt(tx: Tx, subscriber: string, eventId: string): Promise<void> {
  await tx.run(
    "update ramet_halts set state = 'RETRYING', attempts = 0, due_at = 0 where subscriber = ? and event_id = ? and state = 'HALTED'",
    subscriber,
    eventId,
  );
}
