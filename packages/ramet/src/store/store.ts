import type { Kysely, Transaction } from 'kysely';
import type { Warn } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';

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
  /** The queries of one call of `handler`, such as `orders.find`: those that it does not await are waited for, and fail it. */
  reads(handler: string): Reads;
  /**
   * Runs `work` in one transaction that is durable when this resolves; whatever `work` throws rolls it back and is thrown.
   * `work` may run more than once (a shared commit that failed, a serialisation failure): it has no effect but through `tx`.
   * Many calls may be under way; the adapter decides whether they share a commit. Nothing of a transaction is seen by
   * others, and no answer, error or `afterCommit` leaves, before the commit. A statement that fails ends the transaction, or
   * the savepoint it ran in; a handler that goes on is refused.
   * @throws RametError StoreUnavailable (nothing was written, unless it says `executed: 'unknown'`), TransactionIdle, TransactionClosed, TransactionFailed; NoRowChanged
   */
  write<R>(work: (tx: Tx) => Promise<R> | R, options?: WriteOptions): Promise<R>;
  /** Whether the store accepts writes, by writing: for readiness. Throws the reason when it does not. */
  probe(): Promise<void>;
  /** The tables of the framework and of the service, without those that the adapter keeps for itself: for a move. */
  tables(): Promise<readonly Table[]>;
  /** Whether a process of the service runs on it now. Left out where the adapter keeps a second one out by itself. */
  inUse?(): Promise<boolean>;
  /** Where several processes share a store: how they wake each other. */
  readonly hints?: Hints;
  /** Waits for the transactions under way and closes. Later calls throw StoreUnavailable. */
  close(): Promise<void>;
}

/** What the queries of one call are made with. */
export interface Reads {
  readonly db: Kysely<any>;
  /**
   * Ends the call: waits for the queries that it has issued. Nothing to wait for is undefined.
   * @throws RametError Internal when one failed that the handler did not await
   */
  ended(): Promise<void> | undefined;
}

/** The shape of a table. */
export interface Table {
  readonly name: string;
  readonly columns: readonly Column[];
  /** The columns of its primary key, in their order; empty where it has none. */
  readonly key: readonly string[];
}

export interface Column {
  readonly name: string;
  /** Whole numbers are told apart because 64 bits do not fit a JavaScript number. Values that an engine computes are left out. */
  readonly type: 'integer' | 'other';
}

/** Wake-ups among the processes that use one store. A hint may be lost or come late: whoever needs certainty polls as well. */
export interface Hints {
  /** Wakes those in other processes who listen to `topic`; what is told within some milliseconds is told once. */
  tell(topic: string): void;
  listen(topic: string, wake: () => void): () => void;
}

export interface WriteOptions {
  /** Named in warnings, as `orders.place`. */
  readonly name?: string;
  /** Alone among all processes that use this store, however long it takes: for migrations. */
  readonly exclusive?: boolean;
  /** Ahead of the writes that wait: for readiness, which asks whether the store takes writes and not how many there are. */
  readonly first?: boolean;
}

export interface Tx extends Reader {
  /** The service's own tables. Works until the handler it was given to returns. */
  readonly db: Transaction<any>;
  /** Executes a statement that answers nothing. @returns the number of rows it changed */
  run(sql: string, ...params: Param[]): Promise<number>;
  /**
   * Adds a statement whose answer nobody waits for: it is executed before the COMMIT, in the order of the calls and behind
   * everything else, and travels with it where there is a way to travel. When it fails, the transaction fails.
   * @returns where its row is, if it has one, once the transaction has been committed
   */
  last<R>(sql: string, ...params: Param[]): { readonly row: R | undefined };
  /**
   * Adds an INSERT or UPDATE that has to change a row, and with which everything stands or falls: when it changes none,
   * what follows is not executed, nothing of the transaction takes place, and `write` throws {@link NoRowChanged}, whatever
   * the handler makes of it. It is executed before whatever is asked for after it, and travels with that.
   */
  must(sql: string, ...params: Param[]): void;
  /** Runs `work` so that what it wrote is undone when it throws, and the transaction goes on. */
  savepoint<R>(work: () => Promise<R> | R): Promise<R>;
  /**
   * Runs pieces of work as if each began when the one before had ended, where statements travel: left out where they do not. A piece begins
   * when the one before has asked for its first statement, which it does at once, and these travel together.
   * @returns why it could not be done, and nothing of the transaction can be kept; undefined when all are done
   */
  readonly abreast?: (pieces: readonly ((tx: Tx) => Promise<void>)[]) => Promise<Abreast>;
  /** The failure of a statement after which nothing of the transaction can be kept, though a handler may have gone on. */
  failed(): { readonly error: unknown } | undefined;
  /** Resolves when the statements that user code has issued so far are answered; undefined when all are. */
  settled(): Promise<void> | undefined;
  /** Ends the handle given to user code: its later statements throw TransactionClosed. Waits for those it has issued. */
  seal(): Promise<void>;
  /** Calls `action` when this transaction has been committed; never when it was rolled back. */
  afterCommit(action: () => void): void;
}

/**
 * A piece of work has failed; or one has asked for more than one statement while later ones had asked for theirs, has waited for something
 * else, or works with savepoints, so that it has to be run by itself.
 */
export type Abreast = undefined | { readonly failed: number; readonly error: unknown } | { readonly interleaved: number };

/** What `must` change a row has changed none: somebody else was there before, or is the owner now. For those who asked by `must`. */
export class NoRowChanged extends Error {
  override readonly name = 'NoRowChanged';

  constructor(sql: string) {
    super(`no row was changed by: ${sql}`);
  }
}

export interface Reader {
  readonly db: Kysely<any>;
  all<R>(sql: string, ...params: Param[]): Promise<R[]>;
  get<R>(sql: string, ...params: Param[]): Promise<R | undefined>;
}

/**
 * What comes back is what was written: text (the framework's own with any character; a service's own is refused as BadRequest where it
 * holds U+0000 or half a surrogate pair: put what may have them into JSON), finite numbers (−0 comes back
 * as 0), and whole numbers of 64 bits, of which those beyond 2^53 − 1 are written as `bigint` and read by `cast(… as text)`;
 * read as they are, they are refused or come exactly, never rounded.
 */
export type Param = string | number | bigint | null | Uint8Array;

/** What an adapter is able to do: read by boot, by the conformance suite, by the docs and by the console. */
export interface StoreCapabilities {
  readonly name: string;
  /** Whether a commit survives the loss of power. */
  readonly durable: boolean;
  /** Whether several processes may use one store. */
  readonly shared: boolean;
  /** How many transactions share a commit at most; 1 where each has its own. */
  readonly sharedCommits: number;
  /** How many transactions of one process run side by side at most; left out where they share a connection. */
  readonly concurrent?: number;
  /** Partitions of the outbox, and with it how many transactions that emit can commit at once. */
  readonly partitions: number;
}

/** What a topology names: makes the store of each service. */
export interface StoreFactory {
  readonly capabilities: StoreCapabilities;
  /** Prepares what all stores need (folders, locks) and says what is wrong, before any store opens. */
  prepare(environment: StoreEnvironment): Promise<void>;
  open(service: string, environment: StoreEnvironment): Promise<Store>;
  /** Releases what {@link prepare} took. */
  release(): Promise<void>;
}

export interface StoreEnvironment {
  readonly platform: Platform;
  readonly warn: Warn;
  /** The store can no longer promise durability; the process must end. */
  readonly fatal: (error: unknown) => void;
  /** Told of each COMMIT: how long it took, in milliseconds, and how many transactions shared it. */
  readonly onCommit?: (service: string, ms: number, transactions: number) => void;
}
