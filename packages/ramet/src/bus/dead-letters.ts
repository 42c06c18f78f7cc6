import { RametError } from '../errors/index.ts';
import type { Store, Tx } from '../store/index.ts';
import type { Envelope } from './envelope.ts';
import { park } from './parking.ts';

export interface DeadLetter {
  readonly id: string;
  readonly subscriber: string;
  readonly eventId: string;
  readonly event: string;
  readonly key: string;
  readonly reason: string;
  readonly error: string;
  readonly attempts: number;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
  /** How many events of the key wait behind it. */
  readonly parked: number;
}

/** The dead letters of a store, newest first. */
export async function listDeadLetters(store: Store, limit = 100): Promise<DeadLetter[]> {
  const rows = await store.reader.all<Record<string, string | number>>(
    `select d.*, (select count(*) from ramet_parked p where p.subscriber = d.subscriber and p.key = d.key) as parked
     from ramet_dead_letters d order by last_failed_at desc limit ?`,
    limit,
  );
  return rows.map((row) => ({
    id: row['id'] as string,
    subscriber: row['subscriber'] as string,
    eventId: row['event_id'] as string,
    event: row['event'] as string,
    key: row['key'] as string,
    reason: row['reason'] as string,
    error: row['error'] as string,
    attempts: Number(row['attempts']),
    firstFailedAt: new Date(Number(row['first_failed_at'])).toISOString(),
    lastFailedAt: new Date(Number(row['last_failed_at'])).toISOString(),
    parked: Number(row['parked']),
  }));
}

/**
 * Gives a dead letter back to its subscriber: it is handled next, then the events of its key that waited behind it, in their
 * order; only then does the key open. `discard` leaves the letter itself out.
 * @throws RametError NotFound when there is no such letter
 */
export async function replayDeadLetter(store: Store, id: string, how: 'replay' | 'discard' = 'replay'): Promise<{ subscriber: string }> {
  return store.write(
    async (tx) => {
      const letter = await tx.get<{ subscriber: string; key: string; event_id: string; envelope: string }>(
        'select subscriber, key, event_id, envelope from ramet_dead_letters where id = ?',
        id,
      );
      if (!letter) throw new RametError('NotFound', `there is no dead letter '${id}' in '${store.service}'`);
      await tx.run('delete from ramet_dead_letters where id = ?', id);
      const { subscriber, key } = letter;
      const head = await tx.run(
        `update ramet_retries set state = ?, attempts = 0, due_at = 0, error = null
         where subscriber = ? and key = ? and event_id = ? and state = 'QUARANTINED'`,
        how === 'replay' ? 'RETRYING' : 'DRAINING',
        subscriber,
        key,
        letter.event_id,
      );
      // Another event blocks the key: this one comes right after it.
      if (head === 0 && how === 'replay') {
        await park(tx, subscriber, JSON.parse(letter.envelope) as Envelope, 'first');
        await openNext(tx, subscriber, key);
      }
      return { subscriber };
    },
    { name: `${how} dead letter` },
  );
}

/** Lets the parked events of a key that nothing blocks be taken up. */
async function openNext(tx: Tx, subscriber: string, key: string): Promise<void> {
  await tx.run(
    `insert into ramet_retries (subscriber, key, event_id, state, attempts, due_at, first_failed_at, envelope)
     values (?, ?, '', 'DRAINING', 0, 0, ramet_now(), '') on conflict do nothing`,
    subscriber,
    key,
  );
}
