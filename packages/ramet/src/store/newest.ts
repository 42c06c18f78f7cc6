import type { Param } from './store.ts';

/** The part of a list to read, where the newest row is first. */
export interface Newest {
  /** How many rows at most. */
  readonly limit: number;
  /** Only the rows after this one in the list; from the beginning where absent. */
  readonly after?: { readonly at: number; readonly id: string };
}

/**
 * Makes the end of a query that reads one page of a list, newest row first. Rows of one moment are in the order of their ids.
 * @param moment the column of the order, which an index has together with `id`
 * @param where further conditions
 */
export function newestFirst(
  moment: string,
  { limit, after }: Newest,
  where: readonly string[] = [],
  params: readonly Param[] = [],
): { readonly sql: string; readonly params: readonly Param[] } {
  const conditions = [...where, ...(after ? [`(${moment}, id) < (?, ?)`] : [])].join(' and ');
  return {
    sql: `${conditions === '' ? '' : `where ${conditions} `}order by ${moment} desc, id desc limit ?`,
    params: [...params, ...(after ? [after.at, after.id] : []), limit],
  };
}
