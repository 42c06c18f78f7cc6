import type { Tx } from './store.ts';

/** A step in the life of a schema. Names begin with a number and are never edited once they ran. */
export interface Migration {
  readonly name: string;
  readonly sql: string;
}

/**
 * What a folder of the framework keeps in every store, and all that the others need to know about it. Where a service is hosted,
 * these objects are joined: nothing else has a list of tables. SQL that names a table of a folder stands in that folder only.
 *
 * Moments are milliseconds of database time, JSON is text. What a row means is documented where the code that writes it stands.
 */
export interface FolderTables {
  readonly tables: readonly string[];
  readonly migrations: readonly MigrationPart[];
  readonly retention?: readonly RetentionRule[];
  readonly move?: MoveRules;
}

/**
 * The part of a migration of the framework that one folder brings. From `ramet_0014` on, a migration has one part. Those before
 * were written for all folders at once: their parts, joined in order, are the text that ran, whose hash existing stores hold.
 */
export interface MigrationPart extends Migration {
  /** The place among the parts of this migration; 1 where it is the only one. */
  readonly part?: number;
}

/** Which rows of a table are out of date. They are deleted a few hundred at once. */
export interface RetentionRule {
  readonly table: string;
  readonly key: readonly string[];
  /** The condition under which a row is deleted, as SQL. */
  readonly where: string;
  /** For a table with `keep_until`: how long rows are kept from now on that an earlier version wrote without it. */
  readonly adoptMs?: number;
  /** Records in the same transaction what can no longer be known from the deleted rows. */
  readonly onDeleted?: (tx: Tx, rows: readonly DeletedRow[]) => void;
  /** The columns that {@link onDeleted} receives (default: the key). */
  readonly returning?: readonly string[];
}

/** The returned columns of a deleted row. */
export type DeletedRow = Readonly<Record<string, string | number>>;

/** What a move to another store has to know. All tables that are not named here are copied. */
export interface MoveRules {
  /** Tables that each store has for itself: they are not copied. */
  readonly stays?: readonly string[];
  /** Queries that find a row in a store that has been in use. A move to such a store is refused. */
  readonly used?: readonly string[];
}

/** Joins the parts of all migrations of the framework, in the order of their names. */
export function frameworkMigrations(folders: readonly FolderTables[]): Migration[] {
  const parts = folders.flatMap(({ migrations }) => migrations).sort((a, b) => (a.part ?? 1) - (b.part ?? 1));
  const texts = new Map<string, string>();
  for (const { name, sql } of parts) texts.set(name, (texts.get(name) ?? '') + sql);
  return [...texts].map(([name, sql]) => ({ name, sql })).sort((a, b) => (a.name < b.name ? -1 : 1));
}
