import type { DatabaseSync, StatementSync } from 'node:sqlite';
import type { QueryResult } from 'kysely';
import { builtin } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import { encoded } from './values.ts';

/** SQLite, as this Node contains it. */
export const { DatabaseSync: Sqlite } = builtin<typeof import('node:sqlite')>('node:sqlite', 'ramet/store/sqlite');

const STATEMENTS_MAX = 512;

/** Only the adapter begins and ends transactions: a handler that did would commit the unfinished work of its neighbours. */
const CONTROL = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(?:begin|commit|end|rollback|savepoint|release)\b/i;

/** One SQLite connection with its prepared statements (the oldest are dropped). Every call is synchronous. */
export interface Connection {
  readonly db: DatabaseSync;
  /** For the adapter's own statements, which alone may begin and end transactions. */
  exec(sql: string): void;
  rows(sql: string, params: readonly unknown[]): unknown[];
  run(sql: string, params: readonly unknown[]): { changes: number; lastInsertRowid: number | bigint };
  /** Executes a statement for Kysely: rows, or the number of changed rows where there are none. */
  query(sql: string, params: readonly unknown[]): QueryResult<any>;
  close(): void;
}

/** Opens a connection. The write connection is durable (`synchronous=FULL`): what it committed survives the loss of power. */
export function connect(platform: Platform, file: string, { readOnly }: { readOnly: boolean }): Connection {
  const db = new Sqlite(file, { readOnly, timeout: 5_000, enableForeignKeyConstraints: true });
  db.function('ramet_now', () => Math.round(platform.clock.wallNow()));
  db.exec(
    readOnly ? 'pragma query_only = on' : 'pragma journal_mode = wal; pragma synchronous = full; pragma journal_size_limit = 67108864',
  );
  db.exec('pragma temp_store = memory; pragma cache_size = -16384; pragma mmap_size = 268435456');
  // From here on, no call waits for a lock while it blocks the event loop: the writer tries again.
  if (!readOnly) db.exec('pragma busy_timeout = 0');
  const statements = new Map<string, { statement: StatementSync; answers: boolean }>();
  const prepare = (sql: string) => {
    const known = statements.get(sql);
    if (known) return known;
    if (CONTROL.test(sql))
      throw new TypeError(`'${sql.trim()}' is reserved for the framework, which begins and ends the transaction of a handler`);
    const statement = db.prepare(sql);
    const prepared = { statement, answers: statement.columns().length > 0 };
    if (statements.size >= STATEMENTS_MAX) statements.delete(statements.keys().next().value as string);
    statements.set(sql, prepared);
    return prepared;
  };
  return {
    db,
    exec: (sql) => db.exec(sql),
    rows: (sql, params) => prepare(sql).statement.all(...params.map(encoded)),
    run: (sql, params) => prepare(sql).statement.run(...params.map(encoded)) as { changes: number; lastInsertRowid: number | bigint },
    query(sql, params) {
      const { statement, answers } = prepare(sql);
      const values = params.map(encoded);
      if (answers) return { rows: statement.all(...values) };
      const { changes, lastInsertRowid } = statement.run(...values);
      return { rows: [], numAffectedRows: BigInt(changes), insertId: BigInt(lastInsertRowid) };
    },
    close: () => db.close(),
  };
}
