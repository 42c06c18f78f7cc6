import { RametError } from '../../errors/index.ts';
import { isoOf } from '../../platform/index.ts';
import { type Newest, newestFirst, type Store, type Tx } from '../../store/index.ts';
import type { Envelope } from '../envelope.ts';
import { leave, tryAgain } from './halting.ts';
import { isBlocked, type PoisonPolicy, park, takeOver } from './parking.ts';

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
  /** What the subscriber does meanwhile: its key waits, nothing waits, or the whole subscription stands. */
  readonly policy: PoisonPolicy;
  /** How many events of the key wait behind it. */
  readonly parked: number;
}

const SELECT = `select d.*, (select count(*) from ramet_parked p where p.subscriber = d.subscriber and p.key = d.key) as parked
  from ramet_dead_letters d`;

/** Reads a page of the dead letters of a store, newest first. */
export async function listDeadLetters(store: Store, page: Newest = { limit: 100 }): Promise<DeadLetter[]> {
  const { sql, params } = newestFirst('last_failed_at', page);
  return (await store.reader.all<Row>(`${SELECT} ${sql}`, ...params)).map(letterOf);
}

/** Reads one dead letter. @returns undefined where the store does not have it */
export async function showDeadLetter(store: Store, id: string): Promise<DeadLetter | undefined> {
  const row = await store.reader.get<Row>(`${SELECT} where d.id = ?`, id);
  return row && letterOf(row);
}

type Row = Readonly<Record<string, string | number>>;

const letterOf = (row: Row): DeadLetter => ({
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
 * order; only then does the key open. A subscription that stands at it tries it again. `discard` leaves the letter itself out.
 * @throws RametError NotFound when there is no such letter
 */
export async function replayDeadLetter(store: Store, id: string, how: 'replay' | 'discard' = 'replay'): Promise<{ subscriber: string }> {
  return store.write(
    async (tx) => {
      const found = await tx.get<{ subscriber: string; key: string }>('select subscriber, key from ramet_dead_letters where id = ?', id);
      // Whoever drains the key looks for letters of it: this one must not go while he looks.
      if (found) await isBlocked(tx, found.subscriber, found.key);
      // Of two who decide about one letter at the same time, one finds it.
      const letter = await tx.get<Letter>(
        'delete from ramet_dead_letters where id = ? returning subscriber, key, event_id, policy, envelope',
        id,
      );
      if (!letter) throw new RametError('NotFound', `there is no dead letter '${id}' in '${store.service}'`);
      await RETURN[letter.policy](tx, letter, how);
      return { subscriber: letter.subscriber };
    },
    { name: `${how} dead letter` },
  );
}

interface Letter {
  readonly subscriber: string;
  readonly key: string;
  readonly event_id: string;
  readonly policy: PoisonPolicy;
  readonly envelope: string;
}

/** What replaying and discarding means for a letter, by the policy under which it became one. */
const RETURN: Readonly<Record<PoisonPolicy, (tx: Tx, letter: Letter, how: 'replay' | 'discard') => Promise<void>>> = {
  async 'park-key'(tx, { subscriber, key, event_id, envelope }, how) {
    const head = await tx.run(
      `update ramet_retries set state = ?, attempts = 0, due_at = ramet_now(), error = null
       where subscriber = ? and key = ? and event_id = ? and state = 'QUARANTINED'`,
      how === 'replay' ? 'RETRYING' : 'DRAINING',
      subscriber,
      key,
      event_id,
    );
    // Another event blocks the key: this one comes right after it.
    if (head === 0 && how === 'replay') {
      await openNext(tx, subscriber, key);
      await park(tx, subscriber, JSON.parse(envelope) as Envelope, 'first');
    }
  },
  async skip(tx, { subscriber, event_id, envelope }, how) {
    if (how === 'discard') return;
    await tx.run(
      `insert into ramet_retries (subscriber, key, event_id, state, attempts, due_at, first_failed_at, envelope)
       values (?, ?, ?, 'RETRYING', 0, ramet_now(), ramet_now(), ?) on conflict do nothing`,
      subscriber,
      event_id,
      event_id,
      envelope,
    );
  },
  async halt(tx, { subscriber, event_id, envelope }, how) {
    if (how === 'replay') return tryAgain(tx, subscriber, { id: event_id });
    await takeOver(tx, subscriber, JSON.parse(envelope) as Envelope);
    await leave(tx, subscriber, event_id);
  },
};

/** Lets the parked events of a key that nothing blocks be taken up; a row that blocks it stays until the transaction ends. */
async function openNext(tx: Tx, subscriber: string, key: string): Promise<void> {
  await tx.run(
    `insert into ramet_retries (subscriber, key, event_id, state, attempts, due_at, first_failed_at, envelope)
     values (?, ?, '', 'DRAINING', 0, ramet_now(), ramet_now(), '')
     on conflict (subscriber, key) do update set due_at = ramet_retries.due_at`,
    subscriber,
    key,
  );
}
