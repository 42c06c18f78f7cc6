import { RametError } from '../../errors/index.ts';
import type { StoreEnvironment, Tx, WriteOptions } from '../store.ts';
import type { Connection } from './connection.ts';
import { fsyncFailed, translated } from './errors.ts';
import { type HandlerTx, handlerTx } from './transaction.ts';

/** How many transactions share a commit at most. */
export const BATCH_MAX = 16;
const IDLE_WARN_MS = 100;
const IDLE_ABORT_MS = 1_000;

interface Job {
  readonly work: (tx: Tx) => unknown;
  readonly name: string;
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: unknown) => void;
}

type Outcome = { readonly ok: true; readonly value: unknown; readonly tx: HandlerTx } | { readonly ok: false; readonly error: unknown };

/**
 * Group commit. Transactions that are ready run one after another on the one write connection, each in a savepoint, and
 * share a COMMIT; the queue commits as soon as nobody waits, so a lone transaction is not delayed. Nothing (not even an
 * error, which may rest on what a neighbour wrote) leaves before the COMMIT. When it fails, every one runs again alone.
 */
export class CommitQueue {
  readonly #connection: Connection;
  readonly #environment: StoreEnvironment;
  readonly #service: string;
  readonly #waiting: Job[] = [];
  #running: Promise<void> | undefined;
  #closed = false;

  constructor(connection: Connection, service: string, environment: StoreEnvironment) {
    this.#connection = connection;
    this.#service = service;
    this.#environment = environment;
  }

  write<R>(work: (tx: Tx) => Promise<R> | R, options: WriteOptions | undefined): Promise<R> {
    if (this.#closed) return Promise.reject(new RametError('StoreUnavailable', `The store of '${this.#service}' is closed`));
    return new Promise<R>((resolve, reject) => {
      this.#waiting.push({ work, name: options?.name ?? this.#service, resolve: resolve as (value: unknown) => void, reject });
      this.#running ??= this.#drain();
    });
  }

  /** Refuses new work and resolves when what was accepted is done. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #drain(): Promise<void> {
    // A turn of the microtask queue lets whatever was called together start together.
    await undefined;
    while (this.#waiting.length > 0) await this.#batch();
    this.#running = undefined;
  }

  async #batch(): Promise<void> {
    const jobs: Job[] = [];
    const outcomes: Outcome[] = [];
    let failure = await this.#attempt(() => this.#connection.exec('begin immediate'), 'sqlite.begin');
    if (failure === undefined) {
      while (this.#waiting.length > 0 && jobs.length < BATCH_MAX) {
        const job = this.#waiting.shift() as Job;
        jobs.push(job);
        outcomes.push(await this.#runInSavepoint(job));
        // SQLite itself ends the transaction on a full disk, and everything in it is gone.
        if (!this.#connection.db.isTransaction) {
          failure = { error: lastError(outcomes) ?? new RametError('StoreUnavailable') };
          break;
        }
      }
      failure ??= await this.#attempt(() => this.#connection.exec('commit'), 'sqlite.commit');
    } else {
      jobs.push(...this.#waiting.splice(0, BATCH_MAX));
    }
    if (failure === undefined) return settle(jobs, outcomes);
    this.#rollBack();
    if (fsyncFailed(failure.error)) this.#environment.fatal(failure.error);
    const error = translated(failure.error, this.#service);
    if (jobs.length === 1 || outcomes.length === 0) {
      for (const job of jobs) job.reject(error);
      return;
    }
    for (const job of jobs) await this.#alone(job);
  }

  async #alone(job: Job): Promise<void> {
    let failure = await this.#attempt(() => this.#connection.exec('begin immediate'), 'sqlite.begin');
    if (failure === undefined) {
      const outcome = await this.#runInSavepoint(job);
      failure = this.#connection.db.isTransaction
        ? await this.#attempt(() => this.#connection.exec('commit'), 'sqlite.commit')
        : { error: outcome.ok ? new RametError('StoreUnavailable') : outcome.error };
      if (failure === undefined) return settle([job], [outcome]);
    }
    this.#rollBack();
    job.reject(translated(failure.error, this.#service));
  }

  async #runInSavepoint(job: Job): Promise<Outcome> {
    const tx = handlerTx(this.#connection, this.#service);
    try {
      this.#connection.exec('savepoint job');
      const value = await this.#watched(job, tx);
      await tx.seal();
      this.#connection.exec('release job');
      return { ok: true, value, tx };
    } catch (error) {
      tx.end();
      if (this.#connection.db.isTransaction) this.#connection.exec('rollback to job; release job');
      return { ok: false, error: translated(error, this.#service) };
    } finally {
      tx.end();
    }
  }

  /** Runs the handler, and takes the transaction away from one that waits for something else than its database. */
  async #watched(job: Job, tx: HandlerTx): Promise<unknown> {
    const { timers } = this.#environment.platform;
    const result = job.work(tx);
    if (!(result instanceof Promise)) return result;
    let seen = -1;
    let idleMs = 0;
    return await new Promise((resolve, reject) => {
      const watch = () => {
        idleMs = tx.statements() === seen ? idleMs + IDLE_WARN_MS : 0;
        seen = tx.statements();
        if (idleMs === IDLE_WARN_MS)
          this.#environment.warn(
            { handler: job.name, idleMs },
            'a handler idles inside its transaction; everybody who writes to this store waits for it',
          );
        if (idleMs >= IDLE_ABORT_MS) {
          reject(new RametError('TransactionIdle', `'${job.name}' held the transaction for ${IDLE_ABORT_MS} ms without using it`));
          return;
        }
        timer = timers.set(IDLE_WARN_MS, watch);
      };
      let timer = timers.set(IDLE_WARN_MS, watch);
      result.then(
        (value) => {
          timer.cancel();
          resolve(value);
        },
        (error: unknown) => {
          timer.cancel();
          reject(error);
        },
      );
    });
  }

  async #attempt(action: () => void, site: string): Promise<{ error: unknown } | undefined> {
    try {
      const stop = this.#environment.platform.point(site);
      if (stop) await stop;
      action();
      return undefined;
    } catch (error) {
      return { error };
    }
  }

  #rollBack(): void {
    if (!this.#connection.db.isTransaction) return;
    try {
      this.#connection.exec('rollback');
    } catch (error) {
      this.#environment.fatal(error);
    }
  }
}

function settle(jobs: readonly Job[], outcomes: readonly Outcome[]): void {
  for (const outcome of outcomes) if (outcome.ok) for (const action of outcome.tx.actions) action();
  outcomes.forEach((outcome, i) => {
    const job = jobs[i] as Job;
    if (outcome.ok) job.resolve(outcome.value);
    else job.reject(outcome.error);
  });
}

function lastError(outcomes: readonly Outcome[]): unknown {
  const last = outcomes.at(-1);
  return last && !last.ok ? last.error : undefined;
}
