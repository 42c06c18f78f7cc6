import { accessSync, constants, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import type { DatabaseSync } from 'node:sqlite';
import { RametError } from '../../errors/index.ts';
import { type NamesOf, Settings, shown } from '../../platform/index.ts';
import type { StoreCapabilities } from '../capabilities.ts';
import type { StoreEnvironment, StoreFactory } from '../factory.ts';
import { readerOver } from '../kysely.ts';
import type { Store } from '../store.ts';
import { storeOf } from '../store-of.ts';
import { type Connection, connect, Sqlite } from './connection.ts';
import { ENGINE } from './engine.ts';
import { queriesOf } from './reader.ts';
import { tablesOf } from './tables.ts';
import { BATCH_MAX, Writer } from './writer.ts';

/** The options of {@link sqlite}. */
export interface SqliteOptions {
  /**
   * Whether this process excludes others from the folder (default). Two processes that share it stay correct, because of leases and
   * epochs, but wait for each other's locks. Only tests of this need it.
   */
  readonly exclusive?: boolean;
  /** Called with each opened connection. For simulators, which cut connections and fill disks. */
  readonly onOpen?: (db: DatabaseSync, of: { readonly service: string; readonly readOnly: boolean }) => void;
}

const OPTIONS: NamesOf<SqliteOptions> = { exclusive: true, onOpen: true };

const capabilities: StoreCapabilities = { name: 'sqlite', durable: true, shared: false, sharedCommits: BATCH_MAX, partitions: 1 };

/**
 * Keeps stores in embedded SQLite, one file per service in `folder`: WAL, and durable commits (`synchronous=FULL`) that transactions
 * share when they are ready together. It needs no server and no native build.
 * @example
 * const monolith = { store: sqlite('.data'), bus: embedded() };
 * @throws RangeError when the folder is missing, or an option is not known
 */
export function sqlite(folder: string, options: SqliteOptions = {}): StoreFactory {
  const settings = new Settings('sqlite: ');
  settings.names(options, OPTIONS);
  if (typeof folder !== 'string' || folder === '') settings.report(`the folder is ${shown(folder)}: write sqlite('.data')`);
  settings.check();
  const { exclusive = true, onOpen } = options;
  const directory = resolve(folder);
  let lock: DatabaseSync | undefined;
  return {
    capabilities,
    ...(exclusive ? { place: directory } : {}),
    async prepare() {
      try {
        // A user who may read these files can read the data of every customer.
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
    open: async (service, environment) => openStore(join(directory, `${service}.db`), service, environment, onOpen),
    async release() {
      lock?.close();
      lock = undefined;
    },
  };
}

/**
 * Holds SQLite's exclusive lock on a small file while the process lives. The operating system releases it in whatever way the process
 * ends, so no stale lock can exclude the next process.
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

function openStore(file: string, service: string, environment: StoreEnvironment, onOpen: SqliteOptions['onOpen']): Store {
  const { writer, reading } = openBoth(file, service, environment);
  onOpen?.(writer.db, { service, readOnly: false });
  onOpen?.(reading.db, { service, readOnly: true });
  const queue = new Writer(writer, service, environment);
  return storeOf({
    service,
    capabilities,
    ...readerOver(ENGINE, queriesOf(reading, service), environment, service),
    write: (work, options) => queue.write(work, options),
    tables: async () => tablesOf(reading),
    async close() {
      await queue.close();
      reading.close();
      writer.close();
    },
  });
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
