import { RametError, sqlState } from '../../errors/index.ts';
import type { StoreEnvironment } from '../factory.ts';
import type { Connection } from './connection.ts';
import { control, type Statement } from './statements.ts';

const plain = (text: string, ...values: string[]): Statement => ({ text, name: undefined, values });
/** Quotes a name for SQL. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * The time of the database: that of the statement, so that the server can compare it with an index. With `clock_timestamp()` it would
 * be another value for each row of a table.
 */
const NOW = `create or replace function ramet_now() returns bigint language sql stable parallel safe
    as $$ select (date_part('epoch', statement_timestamp()) * 1000)::bigint $$`;

/** The tables that the adapter keeps for itself in each schema. A move does not copy them. */
export const POSTGRES_TABLES: readonly string[] = ['ramet_store', 'ramet_commits'];

/**
 * What the adapter needs in the schema of a store: the time of the database, the number of partitions with which its outbox was created
 * (with another number, keys would change their partitions and lose their order), and the marks of commits.
 */
const OURS = [
  NOW,
  'create table if not exists ramet_store (id integer primary key check (id = 1), partitions integer not null check (partitions between 1 and 256))',
  // Rows that are changed in place, with free room in each page: an index entry for each commit would be too much.
  `create table if not exists ramet_commits (id text primary key, seq bigint not null, open integer not null, at bigint not null) with (fillfactor = 20)`,
];

/** Another starting process holds this lock for a moment. While a process migrates, which takes longer, opening fails and is repeated. */
const LOCK = `select set_config('lock_timeout', '8s', true),
  pg_advisory_xact_lock(1918987621, hashtext($1))`;
const FOUND = `select to_regclass(quote_ident($1) || '.ramet_commits') is not null as ready, to_regnamespace(quote_ident($1)) is not null as there,
  exists (select 1 from pg_proc where proname = 'ramet_now' and pronamespace = to_regnamespace(quote_ident($1)) and provolatile = 'v') as outdated`;
/** Deletes marks of connections that were not ended regularly. No connection lives that long. */
const FORGET = 'delete from ramet_commits where at < ramet_now() - 86400000';

/**
 * Prepares the schema of a store, once even if several processes start at the same time.
 * @returns how many partitions its outbox has
 * @throws RametError StoreUnusable when the role may not do it
 */
export async function prepareSchema(connection: Connection, schema: string, partitions: number): Promise<number> {
  const [found] = await said(connection, [plain(FOUND, schema)]);
  const { ready, there, outdated } = found as { ready: number; there: number; outdated: number };
  // An earlier version defined ramet_now() as volatile.
  if (!ready || outdated) {
    try {
      await said(connection, [
        control('begin'),
        plain(LOCK, schema),
        ...(there ? [] : [plain(`create schema if not exists ${quoted(schema)}`)]),
        ...OURS.map((text) => plain(text)),
        plain('insert into ramet_store (id, partitions) values (1, $1) on conflict do nothing', String(partitions)),
        control('commit'),
      ]);
    } catch (error) {
      await connection.send([control('rollback')]);
      if (sqlState(error) !== '42501' && sqlState(error) !== '3F000') throw error;
      throw new RametError(
        'StoreUnusable',
        `schema '${schema}' cannot be prepared (${(error as Error).message}): create it with provision(), or give its role the right to create in it`,
        { cause: error },
      );
    }
  }
  await said(connection, [plain(FORGET)]);
  const [row] = await said(connection, [plain('select partitions from ramet_store where id = 1')]);
  return (row as { partitions: number }).partitions;
}

const SETTINGS = `select current_setting('fsync') as fsync, current_setting('full_page_writes') as full_page_writes,
  current_setting('synchronous_commit') as synchronous_commit, (select rolsuper from pg_roles where rolname = current_user) as superuser`;

/** Warns about settings of the server that are weaker than what a store promises. */
export async function checkServer(connection: Connection, service: string, where: string, { onWarning }: StoreEnvironment): Promise<void> {
  const [row] = await said(connection, [plain(SETTINGS)]);
  const settings = row as { fsync: string; full_page_writes: string; synchronous_commit: string; superuser: number };
  const weak: string[] = [];
  if (settings.fsync !== 'on') weak.push("fsync is off: a loss of power can destroy the database; set 'fsync = on'");
  if (settings.full_page_writes !== 'on')
    weak.push(
      "full_page_writes is off: a loss of power can tear pages; set 'full_page_writes = on' unless the file system cannot tear them",
    );
  if (settings.synchronous_commit === 'off' || settings.synchronous_commit === 'local')
    weak.push(
      `synchronous_commit is '${settings.synchronous_commit}': commits can be lost after they were acknowledged; let it be 'on' (the default of the adapter)`,
    );
  if (settings.superuser)
    weak.push("its role is a superuser, to whom the server refuses nothing: give each service a role of its own (see 'provision')");
  for (const weakness of weak) onWarning('store_weak', { service, server: where }, weakness);
}

async function said(connection: Connection, statements: readonly Statement[]): Promise<readonly unknown[]> {
  const { answers, error } = await connection.send(statements);
  if (error !== undefined) throw error;
  return answers.flatMap((answer) => answer.rows);
}
