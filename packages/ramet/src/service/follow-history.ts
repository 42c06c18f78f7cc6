import { RametError } from '../errors/index.ts';
import type { Changes } from './contexts.ts';

/**
 * Streams the history of one key: first every entry that exists, then each new one as it is committed.
 *
 * Call `changes(key)` before you check that the key exists: a change that falls between the check and the first read is then seen.
 * @param change what `changes(key)` has returned
 * @param readAfter reads the entries whose `seq` is greater, in the order of `seq`; it begins with 0
 * @param isLast whether nothing follows an entry; the stream ends with it
 * @yields the entries without their `seq`; the stream also ends when the process is about to stop
 * @throws RametError InvalidOutput when `readAfter` returns an entry whose `seq` does not rise: the stream would repeat entries
 * @throws what `readAfter` throws, and the reason of the signal when the caller has disconnected
 * @example
 * async *watch({ orderId }, { db, changes }) {
 *   yield* followHistory(
 *     changes(orderId),
 *     (after) => db.selectFrom('history').select(['seq', 'status']).where('seq', '>', after).orderBy('seq').execute(),
 *     ({ status }) => status === 'done',
 *   );
 * }
 */
export async function* followHistory<E extends { readonly seq: number }>(
  change: Changes,
  readAfter: (seq: number) => Promise<readonly E[]>,
  isLast: (entry: Omit<E, 'seq'>) => boolean,
): AsyncGenerator<Omit<E, 'seq'>, void, undefined> {
  for (let seen = 0, more = true; more; more = await change.next()) {
    for (const { seq, ...entry } of await readAfter(seen)) {
      if (!(seq > seen)) throw outOfOrder(seq, seen);
      seen = seq;
      yield entry;
      if (isLast(entry)) return;
    }
  }
}

const outOfOrder = (seq: number, seen: number): RametError =>
  new RametError(
    'InvalidOutput',
    `followHistory read the entry with seq ${seq} after seq ${seen}: select only entries with seq > ${seen}, ordered by seq ascending`,
  );
