import { DAY, HOUR } from '../platform/index.ts';
import type { Reader, Tx } from './store.ts';

/*
 * A mark is a moment, by the time of the database, up to which rows of a kind may have been deleted that tell a repetition from
 * something new. What was asked for before it is neither "never seen" nor "seen": it is refused, and a person decides.
 */
export type Remembered = 'inbox' | 'requests' | 'fences';

/** How far two databases may differ when one says how long ago something was, and the other when. */
const SLACK_MS = HOUR;

/** Notes that rows from before `at` (SQL) were deleted; a mark never goes back. */
export function raiseMark(tx: Tx, what: Remembered, at: string): void {
  tx.last(
    `insert into ramet_marks (name, at) values (?, ${at}) on conflict (name) do update set at = excluded.at
     where ramet_marks.at < excluded.at`,
    what,
  );
}

/** The moment before which rows of the inbox may have been deleted, by database time; undefined while it is whole. */
export async function inboxLowWater(reader: Pick<Reader, 'get'>): Promise<number | undefined> {
  const row = await reader.get<{ at: number }>('select at from ramet_marks where name = ?', 'inbox');
  return row && Number(row.at);
}

/** Whether what was asked for first so many milliseconds ago may have been forgotten here. */
export async function mayBeForgotten(reader: Pick<Reader, 'get'>, what: Remembered, ageMs = 0): Promise<boolean> {
  // Nothing is forgotten within a day, and most that arrives is of this second.
  if (ageMs < DAY - SLACK_MS) return false;
  const row = await reader.get(`select 1 from ramet_marks where name = ? and at + ${SLACK_MS} >= ramet_now() - ?`, what, Math.round(ageMs));
  return row !== undefined;
}
