import { Settings, type Source, sourced } from '../../platform/index.ts';
import type { StoreCapabilities } from '../capabilities.ts';
import type { StoreEnvironment, StoreFactory } from '../factory.ts';
import { readerOver } from '../kysely.ts';
import type { Store } from '../store.ts';
import { storeOf } from '../store-of.ts';
import { Connection } from './connection.ts';
import { ENGINE } from './engine.ts';
import { cannotOpen } from './errors.ts';
import { Notifications } from './hints.ts';
import { Pool } from './pool.ts';
import { queriesOf } from './reader.ts';
import { checkServer, prepareSchema, quoted } from './schema.ts';
import { Statements } from './statements.ts';
import { tablesOf } from './tables.ts';
import { Writer } from './writer.ts';

/** The options of {@link postgres}. */
export interface PostgresOptions {
  /**
   * The schema of a service's store; `{service}` stands for its name. The default is the schema in the URL (`?schema=…`, as `provision`
   * writes it), else the service's name. It is created if it is missing and the role has the right.
   */
  readonly schema?: string;
  /** The partitions of the outbox of a new store (default 16, at most 256). An existing store keeps its number. */
  readonly partitions?: number;
  /** How many transactions one process runs in one store at once (default 10); others wait. */
  readonly connections?: number;
  /** How many queries one process runs on one store at once (default 5). */
  readonly readers?: number;
  /** How long a transaction or query waits for a connection, in milliseconds (default 5,000). */
  readonly waitMs?: number;
  /** How long one statement may take, in milliseconds (default 10,000). */
  readonly statementTimeoutMs?: number;
  /** How long one statement waits for a row that another transaction has locked, in milliseconds (default 2,000). */
  readonly lockTimeoutMs?: number;
  /** Further settings of each session, as `{ work_mem: '16MB' }`. */
  readonly settings?: Readonly<Record<string, string>>;
}

const CONNECT_MS = 5_000;
/** How long after the time limit of a statement the silence of a server counts as an outage. */
const SILENCE_MS = 5_000;
const CONNECTIONS = 10;
const READERS = 5;
const CONNECTIONS_MAX = 1_000;
const TIMEOUT_MAX_MS = 3_600_000;
const LISTENS =
  'select pid from pg_stat_activity where datname = current_database() and usename = current_user and application_name = ? limit 1';
const applicationName = (service: string, use: string): string => `ramet ${service} ${use}`;
const PARTITIONS_MAX = 256;

/**
 * Keeps stores in PostgreSQL 13 or newer, one schema per service. Each transaction has its own connection and is isolated as READ
 * COMMITTED. If the answer to a commit is lost, the outcome is looked up, never guessed. Transactions that deadlock run again.
 * @param url the server, as `postgres://{service}:password@host/database`: a text, a secret, or a function that returns the URL of a service; it is read for each connection
 * @throws RangeError when an option is out of its range
 * @example
 * const store = postgres(secret('DATABASE_URL'), { connections: 20 });
 */
export function postgres(url: Source<[service: string]>, options: PostgresOptions = {}): StoreFactory {
  const settings = new Settings('postgres: ');
  const partitions = settings.count('partitions', options.partitions, 16, 1, PARTITIONS_MAX);
  settings.count('connections', options.connections, CONNECTIONS, 1, CONNECTIONS_MAX);
  settings.count('readers', options.readers, READERS, 1, CONNECTIONS_MAX);
  for (const name of ['waitMs', 'statementTimeoutMs', 'lockTimeoutMs'] as const) settings.count(name, options[name], 1, 1, TIMEOUT_MAX_MS);
  settings.check();
  const capabilities: StoreCapabilities = {
    name: 'postgres',
    durable: true,
    shared: true,
    sharedCommits: 1,
    concurrent: options.connections ?? CONNECTIONS,
    partitions,
  };
  const urlOf = async (service: string) =>
    typeof url === 'function' ? sourced(url, service) : (await sourced(url)).replaceAll('{service}', encodeURIComponent(service));
  return {
    capabilities,
    async prepare() {},
    open: async (service, environment) => {
      let where = 'its URL';
      try {
        const url = await urlOf(service);
        where = hostOf(url);
        const schema = options.schema?.replaceAll('{service}', service) ?? schemaIn(url) ?? service;
        return await openStore({ service, schema, url: () => urlOf(service), where, capabilities, options, environment });
      } catch (error) {
        throw cannotOpen(error, service, where);
      }
    },
    async release() {},
  };
}

interface Opening {
  readonly service: string;
  readonly schema: string;
  readonly url: () => Promise<string>;
  /** The server's address, without secrets. */
  readonly where: string;
  readonly capabilities: StoreCapabilities;
  readonly options: PostgresOptions;
  readonly environment: StoreEnvironment;
}

async function openStore(opening: Opening): Promise<Store> {
  const { service, schema, capabilities, options, environment } = opening;
  const { platform, onWarning } = environment;
  const { connections = CONNECTIONS, readers = READERS, waitMs = 5_000, statementTimeoutMs = 10_000 } = options;
  const connect = connector(opening);
  const partitions = await prepared(opening, connect);
  if (partitions !== capabilities.partitions) onWarning('store_partitions_kept', { service, partitions, asked: capabilities.partitions });
  const statements = new Statements();
  const common = { platform, service, waitMs, silenceMs: statementTimeoutMs + SILENCE_MS };
  const writing = new Pool({
    ...common,
    max: connections,
    connect: () => connect('writes'),
    farewell: (connection) => writer.forget(connection),
  });
  const reading = new Pool({ ...common, max: readers, connect: () => connect('reads') });
  const writer = new Writer(writing, statements, service, environment);
  const hints = new Notifications(environment, schema, () => connect('hints'));
  const read = readerOver(ENGINE, queriesOf(reading, statements, service), environment, service);
  return storeOf({
    service,
    capabilities: { ...capabilities, partitions },
    ...read,
    tables: () => tablesOf(read.reader),
    // A process that runs the service listens for hints; one that only inspects the store does not.
    inUse: async () => (await read.reader.get(LISTENS, applicationName(service, 'hints'))) !== undefined,
    hints,
    write: (work, writeOptions) => writer.write(work, writeOptions),
    async close() {
      await writer.close();
      await Promise.all([writing.close(), reading.close(), hints.close()]);
    },
  });
}

type Connect = (use: 'writes' | 'reads' | 'hints') => Promise<Connection>;

/** Opens sessions with the settings that correctness requires, whatever the server's defaults are. */
function connector({ service, schema, url, options, environment }: Opening): Connect {
  const { statementTimeoutMs = 10_000, lockTimeoutMs = 2_000 } = options;
  return async (use) =>
    Connection.open({
      platform: environment.platform,
      url: await url(),
      application: applicationName(service, use),
      connectTimeoutMs: CONNECT_MS,
      settings: {
        search_path: quoted(schema),
        default_transaction_isolation: 'read committed',
        default_transaction_read_only: use === 'reads' ? 'on' : 'off',
        // A hint does not have to survive a crash.
        synchronous_commit: use === 'hints' ? 'off' : 'on',
        statement_timeout: String(statementTimeoutMs),
        lock_timeout: String(lockTimeoutMs),
        idle_in_transaction_session_timeout: '10000',
        ...options.settings,
      },
    });
}

/** Prepares the schema and checks the server, on a connection that is used for nothing else. @returns how many partitions the outbox has */
async function prepared({ service, schema, where, capabilities, options, environment }: Opening, connect: Connect): Promise<number> {
  const first = await connect('writes');
  const openingMs = 2 * ((options.statementTimeoutMs ?? 10_000) + SILENCE_MS);
  const silent = environment.platform.timers.set(openingMs, () =>
    first.destroy(new Error(`the server has not answered for ${openingMs} ms`)),
  );
  try {
    const partitions = await prepareSchema(first, schema, capabilities.partitions);
    await checkServer(first, service, where, environment);
    return partitions;
  } finally {
    silent.cancel();
    await first.end();
  }
}

/** Returns the address of a server, without secrets. */
function hostOf(url: string): string {
  try {
    const { host, pathname } = new URL(url);
    return `${host}${pathname}`;
  } catch {
    return 'a malformed URL';
  }
}

const schemaIn = (url: string): string | undefined =>
  URL.canParse(url) ? (new URL(url).searchParams.get('schema') ?? undefined) : undefined;
