import { RametError } from '../../errors/index.ts';
import type { StoreEnvironment } from '../factory.ts';
import { afterFailure, noting } from '../failed-statement.ts';
import { IdleWatch } from '../idle-watch.ts';
import { NoRowChanged, type Tx, type WriteOptions } from '../store.ts';
import { afterCommit } from '../store-of.ts';
import type { Connection } from './connection.ts';
import { closed, fsyncFailed, locked, translated } from './errors.ts';
import { type HandlerTx, handlerTx } from './transaction.ts';

/** How many transactions share a commit at most. */
export const BATCH_MAX = 16;
/** How long to wait, and how often to try, while another process writes to this store (`exclusive: false`). */
const LOCK_WAIT_MS = 5_000;
const LOCK_RETRY_MS = 2;
/**
 * How long writes may follow each other before timers and sockets have their turn: writes do not leave the microtask queue. A batch
 * accepts no further transaction after this time.
 */
const TURN_MS = 10;

interface Job {
  readonly work: (tx: Tx) => unknown;
  readonly name: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type RunOutcome = { readonly ok: true; readonly value: unknown; readonly tx: HandlerTx } | { readonly ok: false; readonly error: unknown };

/**
 * Writes with group commit. Transactions that are ready run one after another on the one write connection, each in a savepoint, and
 * share a COMMIT. It commits as soon as no transaction waits, so a single transaction is not delayed. Nothing leaves before the COMMIT,
 * not even an error, which may be a result of what a neighbour wrote. If the COMMIT fails, each transaction runs again alone.
 */
export class Writer {
  readonly #connection: Connection;
  readonly #environment: StoreEnvironment;
  readonly #service: string;
  readonly #idleWatch: IdleWatch;
  readonly #waiting: Job[] = [];
  #running: Promise<void> | undefined;
  #closed = false;
  /** Set after a failed fsync: after that, nothing that this process writes is durable. */
  #broken: RametError | undefined;
  /** The awaited turn of the event loop, if any, and when it was requested. */
  #turn: Promise<void> | undefined;
  #turnAskedMono = 0;

  constructor(connection: Connection, service: string, environment: StoreEnvironment) {
    this.#connection = connection;
    this.#service = service;
    this.#environment = environment;
    this.#idleWatch = new IdleWatch(environment, 'writes to this store');
  }

  write<R>(work: (tx: Tx) => Promise<R> | R, options: WriteOptions | undefined): Promise<R> {
    if (this.#closed || this.#broken) return Promise.reject(this.#broken ?? closed(this.#service));
    return new Promise<R>((resolve, reject) => {
      const job = { work, name: options?.name ?? this.#service, resolve: resolve as (value: unknown) => void, reject };
      if (options?.first) this.#waiting.unshift(job);
      else this.#waiting.push(job);
      this.#running ??= this.#drain();
    });
  }

  /** Refuses new work and resolves when the accepted work is done. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
    this.#idleWatch.stop();
  }

  async #drain(): Promise<void> {
    // A turn of the microtask queue lets writes that were called together start together.
    await undefined;
    while (this.#waiting.length > 0) {
      const turn = this.#overdueTurn();
      if (turn) await turn;
      await this.#batch();
      if (this.#broken) for (const job of this.#waiting.splice(0)) job.reject(this.#broken);
    }
    this.#running = undefined;
  }

  #overdueTurn(): Promise<void> | undefined {
    const { clock, timers } = this.#environment.platform;
    if (this.#turn) return clock.monoNow() - this.#turnAskedMono > TURN_MS ? this.#turn : undefined;
    this.#turnAskedMono = clock.monoNow();
    this.#turn = timers.yield().then(() => {
      this.#turn = undefined;
    });
    return undefined;
  }

  async #batch(): Promise<void> {
    const jobs: Job[] = [];
    const outcomes: RunOutcome[] = [];
    const { clock } = this.#environment.platform;
    const beganMono = clock.monoNow();
    let failure = await this.#attempt('begin immediate', 'sqlite.begin');
    if (failure === undefined) {
      while (this.#waiting.length > 0 && jobs.length < BATCH_MAX && (jobs.length === 0 || clock.monoNow() - beganMono < TURN_MS)) {
        const job = this.#waiting.shift() as Job;
        jobs.push(job);
        const outcome = await this.#runInSavepoint(job);
        outcomes.push(outcome);
        // SQLite ends the transaction on a full disk, and everything in it is lost.
        if (!this.#connection.db.isTransaction) {
          failure = gone(outcome);
          break;
        }
      }
      failure ??= await this.#commit(jobs.length);
    } else {
      jobs.push(...this.#waiting.splice(0, BATCH_MAX));
    }
    if (failure === undefined) return this.#settle(jobs, outcomes);
    const error = this.#giveUp(failure.error);
    if (jobs.length === 1 || outcomes.length === 0 || this.#broken) {
      for (const job of jobs) job.reject(error);
      return;
    }
    for (const job of jobs) {
      if (this.#broken) job.reject(this.#broken);
      else await this.#alone(job);
    }
  }

  async #alone(job: Job): Promise<void> {
    let failure = await this.#attempt('begin immediate', 'sqlite.begin');
    if (failure === undefined) {
      const outcome = await this.#runInSavepoint(job);
      failure = this.#connection.db.isTransaction ? await this.#commit(1) : gone(outcome);
      if (failure === undefined) return this.#settle([job], [outcome]);
    }
    job.reject(this.#giveUp(failure.error));
  }

  async #runInSavepoint(job: Job): Promise<RunOutcome> {
    const tx = handlerTx(this.#connection, {
      service: this.#service,
      handler: job.name,
      note: noting(this.#environment, this.#service, job.name),
      turn: () => this.#environment.platform.timers.yield(),
    });
    try {
      this.#exec('savepoint job');
      const value = await this.#watched(job, tx);
      const lost = tx.lost();
      if (lost) throw lost.error;
      const failed = tx.failed();
      if (failed) throw afterFailure(failed, job.name);
      this.#exec('release job');
      return { ok: true, value, tx };
    } catch (error) {
      tx.end();
      const lost = tx.lost();
      if (this.#connection.db.isTransaction) this.#undo();
      const unmet = tx.failed()?.error;
      return { ok: false, error: lost ? lost.error : unmet instanceof NoRowChanged ? unmet : error };
    } finally {
      tx.end();
    }
  }

  /** Runs the handler until its last statement has ended. */
  #watched(job: Job, tx: HandlerTx): Promise<unknown> {
    const ended = Promise.resolve(job.work(tx)).then((value) => tx.seal().then(() => value));
    return this.#idleWatch.during(ended, job.name, tx.activity);
  }

  async #commit(transactions: number): Promise<{ error: unknown } | undefined> {
    const { platform, onCommit } = this.#environment;
    const beganMono = platform.clock.monoNow();
    const failure = await this.#attempt('commit', 'sqlite.commit');
    const tookMs = platform.clock.monoNow() - beganMono;
    if (failure === undefined) afterCommit(this.#environment, () => onCommit?.(this.#service, tookMs, transactions));
    return failure;
  }

  async #attempt(statement: 'begin immediate' | 'commit', site: string): Promise<{ error: unknown } | undefined> {
    const { clock, timers, point } = this.#environment.platform;
    const giveUpMono = clock.monoNow() + LOCK_WAIT_MS;
    for (;;) {
      try {
        const stop = point(site);
        if (stop) await stop;
        this.#connection.exec(statement);
        return undefined;
      } catch (error) {
        if (!locked(error) || clock.monoNow() >= giveUpMono) return { error };
      }
      await timers.sleep(LOCK_RETRY_MS);
    }
  }

  #exec(sql: string): void {
    try {
      this.#connection.exec(sql);
    } catch (error) {
      throw translated(error, this.#service);
    }
  }

  /** Undoes one handler. If that fails, the whole transaction is rolled back, and every handler in it runs again. */
  #undo(): void {
    try {
      this.#connection.exec('rollback to job; release job');
    } catch {
      this.#rollBack();
    }
  }

  /** Ends a transaction that failed as a whole. @returns the error for the handlers in it */
  #giveUp(cause: unknown): unknown {
    this.#rollBack();
    if (!fsyncFailed(cause)) return translated(cause, this.#service);
    // Only after a restart is it known whether the data is on the disk.
    this.#broken = new RametError('StoreUnavailable', `The store of '${this.#service}' cannot make anything durable`, {
      cause,
      executed: 'unknown',
    });
    this.#environment.onFatal(cause);
    return this.#broken;
  }

  #rollBack(): void {
    if (!this.#connection.db.isTransaction) return;
    try {
      this.#connection.exec('rollback');
    } catch (error) {
      this.#environment.onFatal(error);
    }
  }

  #settle(jobs: readonly Job[], outcomes: readonly RunOutcome[]): void {
    for (const outcome of outcomes) if (outcome.ok) for (const action of outcome.tx.actions) afterCommit(this.#environment, action);
    outcomes.forEach((outcome, i) => {
      const job = jobs[i] as Job;
      if (outcome.ok) job.resolve(outcome.value);
      else job.reject(outcome.error);
    });
  }
}

/** Says why the transaction was lost, from the outcome of the handler that was running. */
const gone = (outcome: RunOutcome): { error: unknown } => ({ error: outcome.ok ? new RametError('StoreUnavailable') : outcome.error });
