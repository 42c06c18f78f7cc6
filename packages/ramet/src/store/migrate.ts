import { isOutage, RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { type FolderTables, frameworkMigrations, type Migration } from './folder-tables.ts';
import type { Store, Tx } from './store.ts';

/** The migrations of a service: a folder of `0001_name.sql`, or a record of names and SQL. */
export type Migrations = URL | Readonly<Record<string, string>>;

const NAME = /^\d{4}_[a-z0-9_-]+$/;

/**
 * Reads a service's migrations, in order.
 * @returns the migrations, and every problem with them
 */
export function readMigrations(platform: Platform, migrations: Migrations | undefined): { migrations: Migration[]; problems: string[] } {
  const problems: string[] = [];
  const found: Migration[] = [];
  if (migrations instanceof URL) {
    if (!migrations.href.endsWith('/'))
      problems.push(`migrations folder '${migrations.href}' must end with a slash: new URL('./migrations/', import.meta.url)`);
    else {
      try {
        for (const { name, text } of platform.files.readFolder(migrations, '.sql')) found.push({ name: name.slice(0, -4), sql: text });
      } catch (error) {
        problems.push(`migrations folder '${migrations.href}' cannot be read: ${(error as Error).message}`);
      }
    }
  } else {
    for (const name of Object.keys(migrations ?? {}).sort())
      found.push({ name, sql: (migrations as Record<string, string>)[name] as string });
  }
  const numbers = new Map<string, string>();
  for (const { name } of found) {
    if (!NAME.test(name)) problems.push(`migration '${name}': name it with four digits and its purpose, such as '0001_create_orders'`);
    const number = name.slice(0, 4);
    const other = numbers.get(number);
    if (other) problems.push(`migrations '${other}' and '${name}' have the same number`);
    numbers.set(number, name);
  }
  return { migrations: found, problems };
}

/**
 * Brings a store to the newest schema: the framework's tables first, then the service's. All migrations of one service
 * run in one transaction, alone: another process that starts at the same time waits for it. Migrations that a newer version ran are left
 * as they are: two versions of a service run side by side while one replaces the other, and the older one may come back.
 * @throws RametError MigrationEdited when one that ran was changed or removed, MigrationOutOfOrder when one was inserted before
 *   one that ran, MigrationFailed with its name and cause
 */
export async function migrate(
  store: Store,
  platform: Platform,
  folders: readonly FolderTables[],
  own: readonly Migration[],
): Promise<void> {
  const ours = frameworkMigrations(folders);
  const hashOf = (sql: string) => platform.crypto.sha256(sql.replaceAll('\r\n', '\n').trim());
  await store.write(
    async (tx) => {
      await tx.run('create table if not exists ramet_migrations (name text primary key, hash text not null, applied_at bigint not null)');
      const rows = await tx.all<{ name: string; hash: string }>('select name, hash from ramet_migrations');
      const applied = new Map(rows.map((row) => [row.name, row.hash]));
      refuseInserted(store.service, applied, own);
      for (const migration of [...ours, ...own]) {
        const hash = hashOf(migration.sql);
        const before = applied.get(migration.name);
        if (before === undefined) await apply(tx, store.service, migration, hash);
        else if (before !== hash)
          throw new RametError(
            'MigrationEdited',
            `service '${store.service}': migration '${migration.name}' was changed after it ran; restore it and write a new one`,
          );
      }
      refuseRemoved(store.service, applied, ours, own);
    },
    { name: `${store.service} migrations`, exclusive: true },
  );
}

/** An inserted migration would run after those that it precedes in a new store: the two stores would differ. */
function refuseInserted(service: string, applied: ReadonlyMap<string, string>, own: readonly Migration[]): void {
  const newest = own.findLast(({ name }) => applied.has(name))?.name;
  const inserted = newest === undefined ? undefined : own.find(({ name }) => name < newest && !applied.has(name));
  if (inserted)
    throw new RametError(
      'MigrationOutOfOrder',
      `service '${service}': migration '${inserted.name}' comes before '${newest}', which has already run here; give it a number after '${newest}'`,
    );
}

/** A newer version only adds migrations after the newest one of this version. An earlier one that is missing was removed. */
function refuseRemoved(service: string, applied: ReadonlyMap<string, string>, ours: readonly Migration[], own: readonly Migration[]): void {
  const known = new Set([...ours, ...own].map(({ name }) => name));
  const newest = (name: string) => (name.startsWith('ramet_') ? ours : own).at(-1)?.name ?? '';
  for (const name of applied.keys())
    if (!known.has(name) && name < newest(name))
      throw new RametError(
        'MigrationEdited',
        `service '${service}': migration '${name}' ran here but is not in the code any more; restore it`,
      );
}

async function apply(tx: Tx, service: string, { name, sql }: Migration, hash: string): Promise<void> {
  try {
    for (const statement of statementsOf(sql)) await tx.run(statement);
    await tx.run('insert into ramet_migrations (name, hash, applied_at) values (?, ?, ramet_now())', name, hash);
  } catch (error) {
    // If the store became unavailable meanwhile, the migration is not the reason.
    if (isOutage(error)) throw error;
    throw new RametError('MigrationFailed', `service '${service}', migration '${name}': ${(error as Error).message}`, { cause: error });
  }
}

/** Skips quotes of every kind, comments, and names after a dot (`new.end`). Then words, and the end of a statement. */
const TOKEN =
  /\be'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\]|(\$\w*\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|\.\s*\w+|([a-z_]\w*)|(;)/gi;
const COMMENTS = /--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)/g;
/** The statements that may have a body of statements. */
const WITH_BODY = /^create (?:or replace )?(?:temp |temporary )?(?:trigger|function|procedure)\b/;

/** Splits SQL at its semicolons, except those inside quotes, comments and the `begin … end` of triggers and functions. */
export function statementsOf(sql: string): string[] {
  const statements: string[] = [];
  let start = 0;
  let depth = 0;
  let head = '';
  for (const match of sql.matchAll(TOKEN)) {
    const word = match[2]?.toLowerCase();
    if (word !== undefined) {
      if (head.length < 40) head += `${word} `;
      if (word === 'begin' ? WITH_BODY.test(head) : word === 'case' && depth > 0) depth++;
      else if (word === 'end') depth = Math.max(0, depth - 1);
    } else if (match[3] !== undefined && depth === 0) {
      statements.push(sql.slice(start, match.index));
      start = match.index + 1;
      head = '';
    }
  }
  statements.push(sql.slice(start));
  return statements.map((statement) => statement.trim()).filter((statement) => statement.replace(COMMENTS, '').trim() !== '');
}
