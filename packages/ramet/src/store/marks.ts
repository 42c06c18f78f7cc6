import { DAY, HOUR } from '../platform/index.ts';
import type { Reader, Tx } from './store.ts';

/*
 * A mark is a moment, by the time of the database, up to which rows of a kind may have been deleted that distinguish a repetition
 * from something new. A request from before it is neither "never seen" nor "seen": it is refused, and a person decides.
 */

/** How much the clocks of two databases may differ, when one reports an age and the other a moment. */
const SLACK_MS = HOUR;

/** Records that rows from before `at` (SQL) were deleted; a mark never goes back. */
export function raiseMark(tx: Tx, what: string, at: string): void {
  tx.defer(
    `insert into ramet_marks (name, at) values (?, ${at}) on conflict (name) do update set at = excluded.at
     where ramet_marks.at < excluded.at`,
    what,
  );
}

/** For a migration: records that a store older than `ageMs` has deleted such rows before they were marked. */
export const markOldStores = (what: string, ageMs: number): string => `insert into ramet_marks (name, at)
  select '${what}', ramet_now() - ${ageMs} from ramet_migrations where name = 'ramet_0001' and applied_at < ramet_now() - ${ageMs};`;

/** The moment before which such rows may have been deleted, by database time; undefined while all are there. */
export async function lowWater(reader: Pick<Reader, 'get'>, what: string): Promise<number | undefined> {
  const row = await reader.get<{ at: number }>('select at from ramet_marks where name = ?', what);
  return row && Number(row.at);
}

/** Whether a request that was first made so many milliseconds ago may have been forgotten here. */
export async function mayBeForgotten(reader: Pick<Reader, 'get'>, what: string, ageMs = 0): Promise<boolean> {
  // Nothing is forgotten within a day, and most that arrives is of this second.
  if (ageMs < DAY - SLACK_MS) return false;
  const row = await reader.get(`select 1 from ramet_marks where name = ? and at + ${SLACK_MS} >= ramet_now() - ?`, what, Math.round(ageMs));
  return row !== undefined;
}
