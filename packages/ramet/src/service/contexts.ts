import type { Kysely, Transaction } from 'kysely';
import type { Contract, ErrorsOf, Failure, In, Schema } from '../contract/index.ts';
import type { Crypto, Duration } from '../platform/index.ts';
import type { Externals, Queries, Uses } from '../rpc/index.ts';
import type { Saga } from '../saga/index.ts';
import type { Caller } from '../security/index.ts';
import type { Log, Metrics } from '../telemetry/index.ts';

/** Holds what every handler receives. */
export interface HandlerContext {
  /** Writes log lines that carry the correlation id of the request. */
  readonly log: Log;
  /** Creates metrics of your own, served beside the framework's: `metrics.counter('coupons_used_total', { description: '…' }).add(1)`. */
  readonly metrics: Metrics;
  /** Hashes and compares secrets. Password hashing is slow on purpose: do it outside a transaction. */
  readonly crypto: Crypto;
  /** Returns the current time. */
  readonly now: () => Date;
  /** Identifies the caller: from a verified identity, never from the body. */
  readonly caller: Caller;
  /** Aborts when the caller disconnects or its deadline passes. */
  readonly signal: AbortSignal;
}

/** Makes the failures that an operation declares: `throw fail.SoldOut({ sku })`. */
export type Fail<O> = { readonly [K in keyof ErrorsOf<O>]: ErrorsOf<O>[K] extends Failure<infer D> ? (data: In<D>) => Error : never };

/** Reads the service's own tables. */
export type ReadDb<T> = Pick<Kysely<T>, 'selectFrom' | 'fn' | 'case' | 'dynamic'>;

/** Follows the committed changes of one key of this service. */
export interface Changes {
  /**
   * Resolves at the next commit of an event with the key: at once if one happened since the last call, and after one second at
   * the latest. Resolves with false when the process is about to stop: answer with what there is.
   * @throws the signal's reason when the caller has disconnected
   */
  readonly next: () => Promise<boolean>;
}

/** The context of queries, streams and `prepare`: they read anywhere and run outside any transaction. */
export interface ReadContext<T, U extends Uses, O = {}> extends HandlerContext {
  /** Reads the service's own tables. */
  readonly db: ReadDb<T>;
  /** Calls queries of the services in `uses`, and the external systems. */
  readonly use: Queries<U>;
  /** Makes the failures that the operation declares. */
  readonly fail: Fail<O>;
  /**
   * Follows the commits of this service's events with `key`, so that a stream or a waiting query need not poll.
   * A notification is a hint: read again after each.
   */
  readonly changes: (key: string) => Changes;
}

/** Says why a command runs as the undo of a saga's step, and what the step returned. */
export interface Undoing {
  readonly reason: string;
  readonly result: unknown;
}

/** A command as a value: `orders.commands.place`, or any other command of a contract in `uses`. */
export interface SendTarget<I extends Schema = Schema> {
  readonly kind: 'command';
  readonly service: string;
  readonly name: string;
  readonly input: I;
}

/** The context of commands, reactions and schedules: everything they do is part of one local transaction. */
export interface WriteContext<C, T, O = {}> extends HandlerContext {
  /** Reads and writes the service's own tables within the transaction. */
  readonly db: Transaction<T>;
  /** Makes a new id such as `ord_06f2…`; ids sort by the time they were made. */
  readonly id: (prefix: string) => string;
  /** Makes the failures that the operation declares. */
  readonly fail: Fail<O>;
  /** Publishes an event of this service when the transaction commits. */
  readonly emit: C extends Contract<any, any, any, infer E> ? { readonly [K in keyof E]: (data: In<E[K]['schema']>) => void } : never;
  /** Starts a saga when the transaction commits; a second start with the same key does nothing. */
  readonly start: <I>(saga: Saga<I, any>, input: I) => void;
  /** Requests that a saga of this service undoes itself; refused once the intent of its pivot is stored. */
  readonly cancel: (saga: Saga<any, any>, key: string, reason: string) => Promise<'accepted' | 'refused'>;
  /** Set when the command runs as the undo of a saga's step. */
  readonly undoing?: Undoing;
  /** Sends a durable command when the transaction commits. It is delivered until the target has done or refused it, and takes effect once. */
  readonly send: <I extends Schema>(to: SendTarget<I>, input: In<I>, o?: { after?: Duration }) => void;
}

/** The context of `perform` and `lookup` of an effect, which run outside any transaction. */
export interface EffectContext<U extends Uses, O> extends HandlerContext {
  /** The same for every attempt: pass it to the other system as its idempotency key. Printable ASCII, at most 255 characters. */
  readonly key: string;
  /** Calls the external systems in `uses`. */
  readonly use: Externals<U>;
  /** Makes the failures that the operation declares. */
  readonly fail: Fail<O>;
}
