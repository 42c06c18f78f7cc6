import type { Kysely, Transaction } from 'kysely';
import type { Trace } from '../telemetry/index.ts';
import type { StoreCapabilities } from './capabilities.ts';
import type { Hints } from './hints.ts';
import type { Table } from './table.ts';

/**
 * What a service's database must offer: a durable transaction, committed reads, and nothing else. The tables of the
 * framework (prefix `ramet_`) and of the service live in the same store, so that state, events, saga starts and
 * deduplication commit together or not at all.
 *
 * Statements of the framework are plain SQL that SQLite and PostgreSQL both understand: `?` for parameters, text for JSON,
 * milliseconds for moments, and `ramet_now()` for the time of the database, which alone decides leases and due times.
 */
export interface Store {
  readonly service: string;
  readonly capabilities: StoreCapabilities;
  readonly reader: Reader;
  /** The queries of one call of `handler`, such as `orders.find`. A query that is not awaited is waited for; if it fails, so does the call. */
  reads(handler: string): Reads;
  /**
   * Runs `work` in one transaction that is durable when this resolves. If `work` throws, everything is rolled back and the error is thrown.
   * `work` may run more than once (a shared commit that failed, a serialisation failure): it has no effect but through `tx`.
   * Many calls may be under way; the adapter decides whether they share a commit. Others see nothing of a transaction, and no answer, error
   * or `afterCommit` leaves, before the commit. A statement that fails ends the transaction, or the savepoint it ran in;
   * a handler that continues is refused.
   * @throws RametError StoreUnavailable (nothing was written, unless it says `executed: 'unknown'`), TransactionIdle, TransactionClosed, TransactionFailed; NoRowChanged
   */
  write<R>(work: (tx: Tx) => Promise<R> | R, options?: WriteOptions): Promise<R>;
  /** Checks that the store accepts writes, by writing: for readiness. Throws the reason when it does not. */
  probe(): Promise<void>;
  /** Lists the tables of the framework and of the service, without those that the adapter keeps for itself: for a move. */
  tables(): Promise<readonly Table[]>;
  /** Whether a process of the service runs on it now. Absent where the adapter already excludes a second process. */
  inUse?(): Promise<boolean>;
  /** How the processes that share a store wake each other; absent where only one process uses it. */
  readonly hints?: Hints;
  /** Waits for the transactions under way and closes. Later calls throw StoreUnavailable. */
  close(): Promise<void>;
}

/** How one transaction runs. */
export interface WriteOptions {
  /** Named in warnings, as `orders.place`. */
  readonly name?: string;
  /** What the transaction belongs to. */
  readonly trace?: Trace;
  /** Alone among all processes that use this store, however long it takes: for migrations. */
  readonly exclusive?: boolean;
  /** Ahead of the writes that wait: readiness must learn whether the store accepts writes, not how many wait. */
  readonly first?: boolean;
}

/** Committed reads: for the framework by `all` and `get`, for handlers by `db`. */
export interface Reader {
  readonly db: Kysely<any>;
  all<R>(sql: string, ...params: Param[]): Promise<R[]>;
  get<R>(sql: string, ...params: Param[]): Promise<R | undefined>;
}

/** One transaction, from its first statement to its COMMIT. */
export interface Tx extends Reader {
  /** The service's own tables. Works until the handler it was given to returns. */
  readonly db: Transaction<any>;
  /** Executes a statement that does not return rows. @returns the number of rows it changed */
  run(sql: string, ...params: Param[]): Promise<number>;
  /**
   * Adds a statement whose answer no code needs before the commit. Deferred statements are executed right before the COMMIT, in the order
   * of the calls, and are sent with it where statements are sent. If one fails, the transaction fails.
   * @returns where its row is, if it has one, once the transaction has been committed
   */
  defer<R>(sql: string, ...params: Param[]): { readonly row: R | undefined };
  /**
   * Adds an INSERT or UPDATE that has to change a row. If it changes none, later statements are not executed, nothing of the transaction
   * is kept, and `write` throws {@link NoRowChanged}, whatever the handler does about it. It is executed before the next statement, and
   * is sent with that.
   */
  expectRow(sql: string, ...params: Param[]): void;
  /** Runs `work`. If it throws, what it wrote is undone, and the transaction continues. */
  savepoint<R>(work: () => Promise<R> | R): Promise<R>;
  /** Calls `action` when this transaction has been committed; never when it was rolled back. */
  afterCommit(action: () => void): void;
  /** The failure of a statement after which nothing of the transaction can be kept, even if a handler has continued. */
  failed(): { readonly error: unknown } | undefined;
  /** Resolves when the statements that user code has issued so far are answered; undefined when all are. */
  settled(): Promise<void> | undefined;
}

/** A statement of {@link Tx.expectRow} has changed no row: another writer was faster, or is the owner now. */
export class NoRowChanged extends Error {
  override readonly name = 'NoRowChanged';

  constructor(sql: string) {
    super(`no row was changed by: ${sql}`);
  }
}

/** The queries of one call. */
export interface Reads {
  readonly db: Kysely<any>;
  /**
   * Ends the call: waits for the queries that it has issued. @returns undefined when there is nothing to wait for
   * @throws RametError Internal when one failed that the handler did not await
   */
  ended(): Promise<void> | undefined;
}

/**
 * A value reads back as it was written: text (the framework's own with any character; a service's own is refused as BadRequest where it
 * holds U+0000 or half a surrogate pair: put such text into JSON), finite numbers (−0 reads back as 0), and whole numbers of 64 bits.
 * Whole numbers beyond 2^53 − 1 are written as `bigint` and read by `cast(… as text)`; read without the cast, they are refused or exact,
 * never rounded.
 */
export type Param = string | number | bigint | null | Uint8Array;
