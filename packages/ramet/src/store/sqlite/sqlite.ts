import { accessSync, constants, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { Kysely, SqliteAdapter, SqliteIntrospector } from 'kysely';
import { RametError } from '../../errors/index.ts';
import type { StoreCapabilities } from '../capabilities.ts';
import type { StoreEnvironment, StoreFactory } from '../factory.ts';
import { type ReadPath, readsOf } from '../reads.ts';
import type { Param, Store } from '../store.ts';
import { checkOwnTexts, keptParam, keptRow, keptRows } from '../text.ts';
import { BATCH_MAX, CommitQueue } from './commit-queue.ts';
import { Compiler, type Connection, connect, executorOver, Sqlite } from './connection.ts';
import { closed, readOnly, translated } from './errors.ts';
import { tablesOf } from './tables.ts';

export interface SqliteOptions {
  /**
   * Whether this process takes the folder for itself (default). Two processes that share it stay correct (leases and epochs
   * see to that) but wait for each other's locks; only tests of exactly this want it.
   */
  readonly exclusive?: boolean;
  /** Called with each connection that was opened. For simulators, which cut connections and fill disks. */
  readonly opened?: (db: DatabaseSync, of: { readonly service: string; readonly readOnly: boolean }) => void;
}

const capabilities: StoreCapabilities = { name: 'sqlite', durable: true, shared: false, sharedCommits: BATCH_MAX, partitions: 1 };

/**
 * Stores on embedded SQLite, one file per service in `folder`: WAL, durable commits (`synchronous=FULL`), shared by
 * transactions that are ready together. No server, no native build.
 */
export function sqlite(folder: string, { exclusive = true, opened }: SqliteOptions = {}): StoreFactory {
  const directory = resolve(folder);
  let lock: DatabaseSync | undefined;
  return {
    capabilities,
    async prepare() {
      try {
        // Whoever may read these files reads every customer's data.
        mkdirSync(directory, { recursive: true, mode: 0o700 });
        accessSync(directory, constants.W_OK | constants.X_OK);
      } catch (error) {
        throw new RametError(
          'StoreUnwritable',
          `'${directory}' cannot be written (${(error as Error).message}): give this user write permission, or name another folder in DATA_DIR`,
          { cause: error },
        );
      }
      if (exclusive) lock = takeLock(directory);
    },
    open: async (service, environment) => openStore(join(directory, `${service}.db`), service, environment, opened),
    async release() {
      lock?.close();
      lock = undefined;
    },
  };
}

/**
 * Holds SQLite's own exclusive lock on a small file while the process lives: the operating system frees it however the
 * process ends, so no stale lock can keep anybody out.
 */
function takeLock(directory: string): DatabaseSync {
  let lock: DatabaseSync | undefined;
  try {
    lock = new Sqlite(join(directory, 'ramet.lock'), { timeout: 2_000 });
    lock.exec('pragma locking_mode = exclusive; begin exclusive; create table if not exists holder (pid integer)');
    lock.exec('commit; begin exclusive');
    return lock;
  } catch (error) {
    lock?.close();
    if ((error as { errcode?: number }).errcode === 5) {
      throw new RametError('StoreLocked', `another process uses '${directory}': stop it, or name another folder in DATA_DIR`, {
        cause: error,
      });
    }
    throw new RametError(
      'StoreUnwritable',
      `'${directory}' cannot be written (${(error as Error).message}): make room or give this user write permission, or name another folder in DATA_DIR`,
      { cause: error },
    );
  }
}

function openStore(file: string, service: string, environment: StoreEnvironment, opened: SqliteOptions['opened']): Store {
  const { writer, reading } = openBoth(file, service, environment);
  opened?.(writer.db, { service, readOnly: false });
  opened?.(reading.db, { service, readOnly: true });
  const queue = new CommitQueue(writer, service, environment);
  const { reader, reads } = readerOver(reading, service, environment);
  let closing: Promise<void> | undefined;
  const close = async () => {
    await queue.close();
    reading.close();
    writer.close();
  };
  return {
    service,
    capabilities,
    reader,
    reads,
    write: (work, options) => queue.write(work, options),
    tables: async () => tablesOf(reading),
    probe: () =>
      queue.write(
        async (tx) => {
          await tx.run('insert into ramet_probe (id, at) values (1, ramet_now()) on conflict (id) do update set at = excluded.at');
        },
        { name: 'readiness', first: true },
      ),
    close() {
      closing ??= close();
      return closing;
    },
  };
}

function openBoth(file: string, service: string, { platform }: StoreEnvironment): { writer: Connection; reading: Connection } {
  let writer: Connection | undefined;
  try {
    writer = connect(platform, file, { readOnly: false });
    return { writer, reading: connect(platform, file, { readOnly: true }) };
  } catch (error) {
    writer?.close();
    throw new RametError(
      'StoreUnwritable',
      `the store of '${service}' at '${file}' cannot be opened (${(error as Error).message}): make room, give this user write permission, or name another folder in DATA_DIR`,
      { cause: error },
    );
  }
}

function readerOver(connection: Connection, service: string, environment: StoreEnvironment): Pick<Store, 'reader' | 'reads'> {
  const query = <R>(execute: () => R): R => {
    try {
      return execute();
    } catch (error) {
      if (readOnly(error)) throw new RametError('Internal', `a query of '${service}' writes; only a command may`, { cause: error });
      throw connection.db.isOpen ? translated(error, service) : closed(service);
    }
  };
  const dialect = {
    createAdapter: () => new SqliteAdapter(),
    createQueryCompiler: () => new Compiler(),
    createIntrospector: (db: Kysely<any>) => new SqliteIntrospector(db),
    createDriver: () => ({}) as never,
  };
  const path: ReadPath = {
    open(around) {
      const executor = executorOver(
        (sql, params) =>
          around(sql, async () => {
            checkOwnTexts(sql, params);
            return query(() => connection.query(sql, params));
          }),
        () => {},
      );
      return new Kysely<any>({ config: { dialect }, driver: {}, dialect, executor } as never);
    },
  };
  const reads = (handler: string) => readsOf(path, environment, service, handler);
  return {
    reads,
    reader: {
      db: reads(service).db,
      all: async <R>(sql: string, ...params: Param[]) => keptRows(query(() => connection.rows(sql, params.map(keptParam))) as R[]),
      get: async <R>(sql: string, ...params: Param[]) =>
        keptRow(query(() => connection.rows(sql, params.map(keptParam)))[0] as R | undefined),
    },
  };
}
