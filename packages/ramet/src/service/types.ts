import type { Kysely, Transaction } from 'kysely';
import type { PoisonPolicy } from '../bus/index.ts';
import type { Contract, Data, ErrorsOf, EventRef, Failure, In, Operations, Out, Schema } from '../contract/index.ts';
import type { RametError } from '../errors/index.ts';
import type { Crypto, Duration } from '../platform/index.ts';
import type { Externals, Queries, Uses } from '../rpc/index.ts';
import type { Saga } from '../saga/index.ts';
import type { Caller } from '../security/index.ts';
import type { Migrations } from '../store/index.ts';
import type { Log, Metrics } from '../telemetry/index.ts';
import type { Timing } from './schedules/timing.ts';

/** The tables of a service, and where its migrations are: a folder (`new URL('./migrations/', import.meta.url)`) or a record of name and SQL. */
export interface SqlStore<T> {
  readonly migrations: Migrations;
  readonly _?: T;
}

/** What every handler is given. */
export interface Base {
  readonly log: Log;
  /** Metrics of your own, shown with the framework's: `metrics.counter('coupons_used_total', { description: '…' }).add(1)`. */
  readonly metrics: Metrics;
  /** Hashes and comparisons of secrets. Those of passwords take their time: never inside a transaction. */
  readonly crypto: Crypto;
  readonly now: () => Date;
  /** Who calls: from a verified identity, never from the body. */
  readonly caller: Caller;
  /** Aborts when the caller goes away or its deadline passes. */
  readonly signal: AbortSignal;
}

export type Fail<O> = { readonly [K in keyof ErrorsOf<O>]: ErrorsOf<O>[K] extends Failure<infer D> ? (data: In<D>) => Error : never };
export type ReadDb<T> = Pick<Kysely<T>, 'selectFrom' | 'fn' | 'case' | 'dynamic'>;

/** Changes of one key of this service, told when they are committed. */
export interface Changes {
  /**
   * Resolves at the next commit of an event with the key, at once when there was one since the last call, and after a second
   * at the latest. False says that the process is about to stop: answer with what there is.
   * @throws the signal's reason when the caller has gone away
   */
  readonly next: () => Promise<boolean>;
}

/** Before the transaction, and in queries: read anywhere. */
export interface ReadContext<T, U extends Uses, O = {}> extends Base {
  readonly db: ReadDb<T>;
  readonly use: Queries<U>;
  readonly fail: Fail<O>;
  /** Follows the commits of this service's events with `key`, so that a stream or a waiting query need not poll. A hint: read again after each. */
  readonly changes: (key: string) => Changes;
}

/** Inside the one local transaction: write here only. */
export interface WriteContext<C, T, O = {}> extends Base {
  readonly db: Transaction<T>;
  /** A new id such as `ord_06f2…`, which sorts by the time it was made. */
  readonly id: (prefix: string) => string;
  readonly fail: Fail<O>;
  /** Publishes an event of this service when the transaction commits. */
  readonly emit: C extends Contract<any, any, any, infer E> ? { readonly [K in keyof E]: (data: In<E[K]['schema']>) => void } : never;
  /** Starts a saga when the transaction commits; once per key. */
  readonly start: <I>(saga: Saga<I, any>, input: I) => void;
  /** Asks a saga of this service to undo itself; refused once its pivot is decided. */
  readonly cancel: (saga: Saga<any, any>, key: string, reason: string) => Promise<'accepted' | 'refused'>;
  /** Set when the command runs as the undo of a saga's step: why, and what the step had answered. */
  readonly undoing?: { readonly reason: string; readonly result: unknown };
  /** Sends a durable command when the transaction commits: it is delivered until it is done or refused, once in effect. */
  readonly send: <I extends Schema>(
    to: { readonly kind: 'command'; readonly service: string; readonly name: string; readonly input: I },
    input: In<I>,
    o?: { after?: Duration },
  ) => void;
}

export interface EffectContext<U extends Uses, O> extends Base {
  /** The same for every attempt: give it to the other system as its idempotency key. Printable ASCII, at most 255 characters. */
  readonly key: string;
  readonly use: Externals<U>;
  readonly fail: Fail<O>;
}

/** Reads anywhere first, then writes here in one transaction. Only `run` is repeated when a transaction must be. */
export interface Prepared<I, R, RC, WC, P> {
  readonly prepare: (input: I, ctx: RC) => Promise<P> | P;
  readonly run: (input: I, ctx: WC, prepared: P) => Promise<R> | R;
}
export const prepared = <I, R, RC, WC, P>(d: Prepared<I, R, RC, WC, P>): Prepared<I, R, RC, WC, P> => d;

/**
 * A command that acts on a system that is not ours, between two transactions. `intend` records that it will, `perform` does
 * it (at least once, always with the same key), `record` writes down what came of it.
 */
export interface Effect<I, R, WC, EC, Request, Outcome> {
  readonly request: Schema<any, Request>;
  readonly outcome: Schema<any, Outcome>;
  intend(input: I, ctx: WC): Promise<Request> | Request;
  /** Acts. Throw a declared failure when the other system refused for certain; anything else means that nobody knows. */
  perform(request: Request, ctx: EC): Promise<Outcome>;
  /** Finds out what became of the key; undefined when the other system knows nothing of it. */
  lookup?(request: Request, ctx: EC): Promise<Outcome | undefined>;
  /** How long after an attempt the other system may still act on it (default 10s). */
  readonly quiet?: Duration;
  record(outcome: Outcome, ctx: WC, request: Request): Promise<R> | R;
  /**
   * The other system could not be asked now (`Unavailable`, `CircuitOpen`, `BulkheadFull`), and will be: say so to whoever
   * waits. Told once by each process that works on the effect; nothing depends on it. Default: nothing.
   */
  queued?(error: RametError, ctx: WC, request: Request): Promise<void> | void;
  /**
   * It certainly did not happen and will not: the other system refused (a declared failure), or it was given up before it
   * took place (StepCancelled). Default: nothing.
   */
  reject?(error: Error, ctx: WC, request: Request): Promise<void> | void;
}
export const effect = <I, R, WC, EC, Request, Outcome>(d: Effect<I, R, WC, EC, Request, Outcome>): Effect<I, R, WC, EC, Request, Outcome> =>
  d;

export type CommandHandler<C, T, U extends Uses, O> = O extends { input: infer I; output: infer R }
  ?
      | ((input: Out<I>, ctx: WriteContext<C, T, O>) => Promise<In<R>> | In<R>)
      | Prepared<Out<I>, In<R>, ReadContext<T, U, O>, WriteContext<C, T, O>, any>
      | Effect<Out<I>, In<R>, WriteContext<C, T, O>, EffectContext<U, O>, any, any>
  : never;
export type QueryHandler<T, U extends Uses, O> = O extends { kind: 'stream'; input: infer I; output: infer R }
  ? (input: Out<I>, ctx: ReadContext<T, U, O>) => AsyncIterable<In<R>>
  : O extends { input: infer I; output: infer R }
    ? (input: Out<I>, ctx: ReadContext<T, U, O>) => Promise<In<R>> | In<R>
    : never;

/** How the events of a reaction are taken. All reactions of one subscription say the same. */
export interface ReactionOptions {
  /**
   * A name for the group of reactions that this one belongs to, within the service: it has a checkpoint, an inbox, retries and
   * dead letters of its own, as `<service>.<subscription>`. Default: the group of the service itself.
   */
  readonly subscription?: string;
  /** What becomes of the subscription when an event cannot be handled (default `park-key`). */
  readonly poison?: PoisonPolicy;
  /** How often the handler is started for one event before it is given up (default 8). */
  readonly attempts?: number;
}
export interface Reaction<C, T> extends ReactionOptions {
  readonly event: EventRef<any>;
  readonly run: (data: any, ctx: WriteContext<C, T>) => Promise<void> | void;
}
export type On<C, T> = <E extends EventRef<any>>(
  event: E,
  run: (data: Data<E>, ctx: WriteContext<C, T> & { readonly event: EventInfo }) => Promise<void> | void,
  options?: ReactionOptions,
) => Reaction<C, T>;

/** Which run of a schedule this is. */
export interface ScheduleInfo {
  readonly name: string;
  /** The moment the run is for, by the clock of the database. It takes place then or later, and once for each. */
  readonly due: Date;
}
export interface Schedule<C, T> {
  readonly name: string;
  readonly timing: Timing;
  readonly run: ScheduleRun<C, T>;
}
type ScheduleRun<C, T> = (ctx: WriteContext<C, T> & { readonly schedule: ScheduleInfo }) => Promise<void> | void;
export type Every<C, T> = (every: Duration, name: string, run: ScheduleRun<C, T>) => Schedule<C, T>;
/** `pattern` has the five fields of cron; `timezone` is an IANA name (default `UTC`). */
export type CronSchedule<C, T> = (
  pattern: string,
  name: string,
  run: ScheduleRun<C, T>,
  o?: { readonly timezone?: string },
) => Schedule<C, T>;

/** A number read from the service's tables, as `active_orders_total`. */
export interface Gauge<T> {
  readonly description: string;
  readonly read: (ctx: { readonly db: ReadDb<T> }) => Promise<number> | number;
}

/** What a reaction may know of the event beside its data. */
export interface EventInfo {
  readonly id: string;
  readonly type: string;
  readonly key: string;
  readonly timestamp: string;
  readonly correlationId: string;
}

export type Handlers<C, K extends Operations, Q extends Operations, T, U extends Uses> = ({} extends K
  ? {}
  : { commands: { [P in keyof K]: CommandHandler<C, T, U, K[P]> } }) &
  ({} extends Q ? {} : { queries: { [P in keyof Q]: QueryHandler<T, U, Q[P]> } }) & {
    reactions?: (on: On<C, T>) => Reaction<C, T>[];
    /** What is done at certain times, each run in one transaction: `every('30s', 'name', run)`, `cron('0 3 * * *', 'name', run, { timezone })`. */
    schedules?: (every: Every<C, T>, cron: CronSchedule<C, T>) => Schedule<C, T>[];
    /** Numbers of the business, read whenever metrics are asked for. */
    gauges?: Record<string, Gauge<T>>;
    sagas?: Saga<any, any>[];
  };

/** A service as the runtime takes it. */
export interface ServiceDefinition {
  readonly contract: Contract<any, any, any, any>;
  readonly store: SqlStore<any> | undefined;
  readonly uses: Uses;
  readonly commands: Readonly<Record<string, CommandImplementation>>;
  readonly queries: Readonly<Record<string, (input: any, ctx: any) => any>>;
  readonly reactions: readonly Reaction<any, any>[];
  readonly schedules: readonly Schedule<any, any>[];
  readonly gauges: Readonly<Record<string, Gauge<any>>>;
  readonly sagas: readonly Saga[];
  /** How long sagas are kept after their end (default 90 days). */
  readonly keepSagas?: Duration | 'forever' | undefined;
}
export type CommandImplementation =
  | ((input: any, ctx: any) => any)
  | Prepared<any, any, any, any, any>
  | Effect<any, any, any, any, any, any>;
