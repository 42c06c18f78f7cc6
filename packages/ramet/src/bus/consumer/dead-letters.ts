import { RametError } from '../../errors/index.ts';
import { isoOf } from '../../platform/index.ts';
import { type Newest, newestFirst, type Store } from '../../store/index.ts';
import { isBlocked } from './blocked-keys.ts';
import type { Letter } from './letters.ts';
import type { PoisonPolicy } from './options.ts';
import { POLICIES } from './policies/policies.ts';

/** Is an event that was given up, as operators see it. */
export interface DeadLetter {
  readonly id: string;
  readonly subscriber: string;
  readonly eventId: string;
  readonly event: string;
  readonly key: string;
  readonly reason: string;
  readonly error: string;
  /** Where the last attempt failed, and what caused it; empty where no code threw. */
  readonly stack: string;
  readonly attempts: number;
  readonly firstFailedAt: string;
  readonly lastFailedAt: string;
  /** What the subscriber does meanwhile: its key waits, nothing waits, or the subscription is halted. */
  readonly policy: PoisonPolicy;
  /** How many events of the key wait behind it. */
  readonly parked: number;
}

const SELECT = `select d.*, (select count(*) from ramet_parked p where p.subscriber = d.subscriber and p.key = d.key) as parked
  from ramet_dead_letters d`;

/** Reads a page of the dead letters of a store, newest first. */
export async function listDeadLetters(store: Store, page: Newest = { limit: 100 }): Promise<DeadLetter[]> {
  const { sql, params } = newestFirst('last_failed_at', page);
  return (await store.reader.all<LetterRow>(`${SELECT} ${sql}`, ...params)).map(letterOf);
}

/** Reads one dead letter. @returns undefined where the store does not have it */
export async function showDeadLetter(store: Store, id: string): Promise<DeadLetter | undefined> {
  const row = await store.reader.get<LetterRow>(`${SELECT} where d.id = ?`, id);
  return row && letterOf(row);
}

type LetterRow = Readonly<Record<string, string | number>>;

const letterOf = (row: LetterRow): DeadLetter => ({
  id: row['id'] as string,
  subscriber: row['subscriber'] as string,
  eventId: row['event_id'] as string,
  event: row['event'] as string,
  key: row['key'] as string,
  reason: row['reason'] as string,
  error: row['error'] as string,
  stack: row['stack'] as string,
  attempts: Number(row['attempts']),
  firstFailedAt: isoOf(Number(row['first_failed_at'])),
  lastFailedAt: isoOf(Number(row['last_failed_at'])),
  policy: row['policy'] as PoisonPolicy,
  parked: Number(row['parked']),
});

/**
 * Gives a dead letter back to its subscriber: it is handled next, then the events of its key that waited behind it, in their
 * order; only then does the key open. A subscription that is halted at it tries it again. `discard` drops the letter itself.
 * @throws RametError NotFound when there is no such letter
 */
export async function replayDeadLetter(store: Store, id: string, how: 'replay' | 'discard' = 'replay'): Promise<{ subscriber: string }> {
  return store.write(
    async (tx) => {
      const found = await tx.get<{ subscriber: string; key: string }>('select subscriber, key from ramet_dead_letters where id = ?', id);
      // The drain of a key looks for letters of it: this one must not be deleted meanwhile.
      if (found) await isBlocked(tx, found.subscriber, found.key);
      // Of two operators who decide about one letter at the same time, one finds it.
      const letter = await tx.get<Letter>(
        'delete from ramet_dead_letters where id = ? returning subscriber, key, event_id, policy, envelope',
        id,
      );
      if (!letter) throw new RametError('NotFound', `there is no dead letter '${id}' in '${store.service}'`);
      await POLICIES[letter.policy].release(tx, letter, how);
      return { subscriber: letter.subscriber };
    },
    { name: `${how} dead letter` },
  );
}
