import { MINUTE, Periodic, type Platform } from '../platform/index.ts';
import type { FolderTables, RetentionRule } from './folder-tables.ts';
import type { Store } from './store.ts';

const EVERY_MS = 10 * MINUTE;
/** Rows per transaction: other writers must not wait for a long deletion. */
const CHUNK = 500;

/** Deletes rows that no caller can need any more, a few hundred at once. Each folder has the rules of its own tables. */
export function createRetention(
  store: Store,
  platform: Platform,
  folders: readonly FolderTables[],
  onError: (error: unknown) => void,
): Periodic {
  const rules = folders.flatMap(({ retention }) => retention ?? []);
  return new Periodic(
    platform,
    async () => {
      let again = false;
      for (const rule of rules) if (await adopt(store, rule)) again = true;
      for (const rule of rules) if (await prune(store, rule)) again = true;
      return again ? 0 : EVERY_MS;
    },
    onError,
  );
}

/** @returns whether there may be more to delete */
async function prune(store: Store, rule: RetentionRule): Promise<boolean> {
  const { table, where, returning = rule.key } = rule;
  const { tuple, columns } = keyOf(rule);
  const deleted = await store.write(
    async (tx) => {
      const rows = await tx.all<Record<string, string | number>>(
        `delete from ${table} where ${tuple} in (select ${columns} from ${table} where ${where} limit ${CHUNK}) returning ${returning.join(', ')}`,
      );
      if (rows.length > 0) rule.onDeleted?.(tx, rows);
      return rows.length;
    },
    { name: 'retention' },
  );
  return deleted === CHUNK;
}

/** A version that does not write `keep_until` may still run beside this one. @returns whether there may be more such rows */
async function adopt(store: Store, rule: RetentionRule): Promise<boolean> {
  if (rule.adoptMs === undefined) return false;
  const { tuple, columns } = keyOf(rule);
  const adopted = await store.write(
    (tx) =>
      tx.run(
        `update ${rule.table} set keep_until = ramet_now() + ${rule.adoptMs}
         where ${tuple} in (select ${columns} from ${rule.table} where keep_until is null limit ${CHUNK})`,
      ),
    { name: 'retention' },
  );
  return adopted === CHUNK;
}

function keyOf({ key }: RetentionRule): { tuple: string; columns: string } {
  const columns = key.join(', ');
  return { tuple: key.length === 1 ? columns : `(${columns})`, columns };
}
