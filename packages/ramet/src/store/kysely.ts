import {
  type DatabaseConnection,
  type DatabaseIntrospector,
  DefaultQueryExecutor,
  type Dialect,
  type DialectAdapter,
  type Driver,
  Kysely,
  type QueryCompiler,
  type QueryResult,
  Transaction,
} from 'kysely';
import type { StoreEnvironment } from './factory.ts';
import { type Around, readsOf } from './reads.ts';
import type { Param, Store } from './store.ts';
import { checkOwnTexts, keptRow, keptRows } from './text.ts';

/** The parts of Kysely that know an engine. An adapter makes one, for all its connections. */
export interface Engine {
  readonly compiler: QueryCompiler;
  readonly adapter: DialectAdapter;
  readonly dialect: Dialect;
}

/** The adapter begins and ends transactions: what Kysely would do for that is not there. */
const NO_DRIVER = {} as Driver;

/** Makes an {@link Engine}. */
export function engineOf(
  compiler: QueryCompiler,
  adapter: DialectAdapter,
  createIntrospector: (db: Kysely<any>) => DatabaseIntrospector,
): Engine {
  return {
    compiler,
    adapter,
    dialect: {
      createAdapter: () => adapter,
      createQueryCompiler: () => compiler,
      createIntrospector,
      createDriver: () => NO_DRIVER,
    },
  };
}

/** Executes a statement that Kysely has compiled. */
export type Execute = (sql: string, params: readonly unknown[]) => Promise<QueryResult<any>>;

/** How an adapter reads. */
export interface QueryEngine {
  /** Executes a query of a handler. @throws RametError Internal when it writes */
  readonly execute: Execute;
  /** Executes a query of the framework. */
  readonly rows: (sql: string, params: readonly Param[]) => Promise<readonly unknown[]> | readonly unknown[];
}

/** Makes the handle of a transaction. @param inFlight called when a statement begins (1) and ends (-1) */
export function transactionOver(engine: Engine, execute: Execute, inFlight: (delta: 1 | -1) => void): Transaction<any> {
  const { dialect } = engine;
  return new Transaction<any>({ config: { dialect }, driver: NO_DRIVER, dialect, executor: executorOver(engine, execute, inFlight) });
}

/** Makes what reads a store outside transactions, for the framework and for handlers. */
export function readerOver(
  engine: Engine,
  queries: QueryEngine,
  environment: StoreEnvironment,
  service: string,
): Pick<Store, 'reader' | 'reads'> {
  const open = (around: Around): Kysely<any> => {
    const execute: Execute = (sql, params) =>
      around(sql, async () => {
        checkOwnTexts(sql, params);
        return queries.execute(sql, params);
      });
    const { dialect } = engine;
    return new Kysely<any>({ config: { dialect }, driver: NO_DRIVER, dialect, executor: executorOver(engine, execute, () => {}) });
  };
  const reads = (handler: string) => readsOf(open, environment, service, handler);
  return {
    reads,
    reader: {
      db: reads(service).db,
      async all<R>(sql: string, ...params: Param[]) {
        const rows = queries.rows(sql, params);
        return keptRows((rows instanceof Promise ? await rows : rows) as R[]);
      },
      async get<R>(sql: string, ...params: Param[]) {
        const rows = queries.rows(sql, params);
        return keptRow((rows instanceof Promise ? await rows : rows)[0] as R | undefined);
      },
    },
  };
}

function executorOver({ compiler, adapter }: Engine, execute: Execute, inFlight: (delta: 1 | -1) => void): DefaultQueryExecutor {
  const connection: DatabaseConnection = {
    executeQuery: (compiled) => execute(compiled.sql, compiled.parameters),
    async *streamQuery(compiled) {
      for (const row of (await execute(compiled.sql, compiled.parameters)).rows) yield { rows: [row] };
    },
  };
  return new DefaultQueryExecutor(compiler, adapter, {
    async provideConnection(consumer) {
      inFlight(1);
      try {
        return await consumer(connection);
      } finally {
        inFlight(-1);
      }
    },
  });
}
