import { RametError } from '../../errors/index.ts';
import { backoffMs, newId } from '../../platform/index.ts';
import type { StoreEnvironment } from '../factory.ts';
import { afterFailure, noting } from '../failed-statement.ts';
import { IdleWatch } from '../idle-watch.ts';
import { NoRowChanged, type Tx, type WriteOptions } from '../store.ts';
import { afterCommit } from '../store-of.ts';
import type { Connection } from './connection.ts';
import { lateAnswers } from './dialogue.ts';
import { closed, mayRunAgain, planChanged, refused, translated, unavailable } from './errors.ts';
import type { Pool } from './pool.ts';
import { COMMIT, ROLLBACK, type Statement, type Statements } from './statements.ts';
import { type HandlerTx, handlerTx } from './transaction.ts';

/** How often one piece of work is run at most: after deadlocks, serialisation failures and lost connections. */
const RUNS_MAX = 3;
const BACKOFF = { baseMs: 10, capMs: 200 };
/** How long to try to find out whether a commit took place if its answer was lost. */
const LOOK_UP_MS = 15_000;
const LOOK_UP_EVERY_MS = 200;

/** Excludes all other users of this store, for as long as the work takes: the key is the schema's. */
const EXCLUSIVE = `select set_config('statement_timeout', '0', true), set_config('lock_timeout', '0', true),
  set_config('idle_in_transaction_session_timeout', '0', true), pg_advisory_xact_lock(1918987621, hashtext(current_schema()))`;
const THEN_PATIENT = "select set_config('lock_timeout', '10s', true)";

/**
 * The mark of a commit is its last statement but one: it raises the row of this connection to the transaction's number. If the answer is
 * lost, the process looks the row up and so learns whether the commit took place. The lookup sets `open = 0`: a COMMIT that is still in
 * flight then fails with a division by zero.
 */
const FIRST_MARK = `insert into ramet_commits (seq, id, open, at) values (?, ?, 1, ramet_now())
  on conflict (id) do update set seq = excluded.seq / ramet_commits.open`;
const MARK = 'update ramet_commits set seq = cast(? as bigint) / open where id = ?';
const LOOK_UP = `insert into ramet_commits (id, seq, open, at) values (?, 0, 0, ramet_now())
  on conflict (id) do update set open = 0 returning seq`;

type CommitOutcome =
  | { readonly kind: 'committed' }
  /** Certainly not written; `again` when the same work may succeed at once. */
  | { readonly kind: 'failed'; readonly error: unknown; readonly again: boolean }
  | { readonly kind: 'unknown'; readonly error: unknown; readonly id: string; readonly seq: number };

/** Runs the transactions of one store: each on its own connection, and certainly either committed or undone. */
export class Writer {
  readonly #pool: Pool;
  readonly #statements: Statements;
  readonly #service: string;
  readonly #environment: StoreEnvironment;
  readonly #idleWatch: IdleWatch;
  readonly #marks = new WeakMap<Connection, { readonly id: string; seq: number; committed: boolean }>();
  #closed = false;
  #running = 0;
  #drained: (() => void) | undefined;

  constructor(pool: Pool, statements: Statements, service: string, environment: StoreEnvironment) {
    this.#pool = pool;
    this.#statements = statements;
    this.#service = service;
    this.#environment = environment;
    this.#idleWatch = new IdleWatch(environment, 'needs what it has locked');
  }

  async write<R>(work: (tx: Tx) => Promise<R> | R, options: WriteOptions = {}): Promise<R> {
    if (this.#closed) throw closed(this.#service);
    this.#running++;
    try {
      return await this.#untilDone(work, options);
    } finally {
      this.#running--;
      if (this.#running === 0) this.#drained?.();
    }
  }

  /** Refuses new work and resolves when the accepted work is done. */
  async close(): Promise<void> {
    this.#closed = true;
    if (this.#running > 0)
      await new Promise<void>((resolve) => {
        this.#drained = resolve;
      });
    this.#idleWatch.stop();
  }

  /** Forgets the mark of a connection that is being ended. */
  async forget(connection: Connection): Promise<void> {
    const mark = this.#marks.get(connection);
    if (mark) await connection.send([this.#statements.ours('delete from ramet_commits where id = ?', [mark.id])]);
  }

  async #untilDone<R>(work: (tx: Tx) => Promise<R> | R, options: WriteOptions): Promise<R> {
    const { platform } = this.#environment;
    const handler = options.name ?? this.#service;
    for (let run = 1; ; run++) {
      const connection = await this.#pool.take(options.first);
      let spoilt = true;
      let outcome: CommitOutcome;
      let value: R | undefined;
      const tx = handlerTx(connection, this.#statements, {
        service: this.#service,
        handler,
        note: noting(this.#environment, this.#service, handler),
        turn: () => platform.timers.yield(),
      });
      try {
        if (options.exclusive) this.#pool.allowLong(connection);
        if (options.exclusive) for (const sql of [EXCLUSIVE, THEN_PATIENT]) await tx.all(sql);
        const ended = workOf(tx, work);
        value = await (options.exclusive ? ended : this.#idleWatch.during(ended, handler, tx.activity));
        outcome = await this.#commit(connection, tx, handler);
      } catch (error) {
        tx.end();
        outcome = { kind: 'failed', error: reasonOf(tx, error), again: mayRun(tx, connection) };
      }
      tx.end();
      try {
        if (outcome.kind === 'failed') await undo(connection, tx.begun());
        spoilt = outcome.kind === 'unknown' || planChanged(tx.failed()?.error);
      } finally {
        this.#pool.give(connection, spoilt);
      }
      if (outcome.kind === 'unknown') outcome = await this.#lookUp(outcome);
      if (outcome.kind === 'committed') {
        for (const action of tx.actions) afterCommit(this.#environment, action);
        return value as R;
      }
      if (outcome.kind === 'unknown' || !outcome.again) throw outcome.error;
      // Other transactions were in the way each time: the work is correct, and may succeed later.
      if (run === RUNS_MAX)
        throw mayRunAgain(outcome.error) ? unavailable(this.#service, messageOf(outcome.error), outcome.error) : outcome.error;
      await platform.timers.sleep(backoffMs(platform, BACKOFF, run));
    }
  }

  async #commit(connection: Connection, tx: HandlerTx, handler: string): Promise<CommitOutcome> {
    const swallowed = tx.failed();
    if (swallowed) {
      if (swallowed.error instanceof NoRowChanged) return { kind: 'failed', error: swallowed.error, again: false };
      const error = afterFailure(swallowed, handler);
      return { kind: 'failed', error: mayRun(tx, connection) ? swallowed.error : error, again: mayRun(tx, connection) };
    }
    const begun = tx.begun();
    // No statement was issued: there is nothing to commit.
    if (!begun && !tx.wrote()) return { kind: 'committed' };
    const { platform, onCommit } = this.#environment;
    const beganMono = platform.clock.monoNow();
    const stop = platform.point('postgres.commit');
    if (stop) {
      try {
        await stop;
      } catch (error) {
        return { kind: 'failed', error: translated(error, this.#service), again: false };
      }
    }
    const mark = tx.wrote() ? this.#mark(connection) : undefined;
    // A single packet is one transaction: the server commits it at its end.
    const statements: Statement[] = [
      ...(begun ? tx.rest() : tx.rest().slice(1)),
      ...(mark ? [this.#statements.ours(mark.first ? FIRST_MARK : MARK, [mark.seq, mark.id])] : []),
      ...(begun ? [COMMIT] : []),
    ];
    const outcome = await connection.send(statements);
    const { answers, error } = outcome;
    const unmet = lateAnswers(statements, outcome);
    if (unmet) return { kind: 'failed', error: unmet.error, again: false };
    const answer = answers[statements.length - 1];
    if (answer && (begun ? answer.command === 'COMMIT' : error === undefined)) {
      const known = this.#marks.get(connection);
      if (known) known.committed ||= mark !== undefined;
      const tookMs = platform.clock.monoNow() - beganMono;
      afterCommit(this.#environment, () => onCommit?.(this.#service, tookMs, 1));
      return { kind: 'committed' };
    }
    if (answer && begun)
      return { kind: 'failed', error: unavailable(this.#service, 'the server rolled back instead of committing'), again: false };
    if (refused(error)) return { kind: 'failed', error: translated(error, this.#service), again: mayRunAgain(error) };
    // A transaction that only read is as good as committed, or not begun.
    if (!mark) return { kind: 'failed', error: lostError(this.#service, error), again: true };
    return { kind: 'unknown', error: lostError(this.#service, error), ...mark };
  }

  #mark(connection: Connection): { id: string; seq: number; first: boolean } {
    let mark = this.#marks.get(connection);
    if (!mark) {
      mark = { id: newId(this.#environment.platform, 'con'), seq: 0, committed: false };
      this.#marks.set(connection, mark);
    }
    return { id: mark.id, seq: ++mark.seq, first: !mark.committed };
  }

  /** Finds out whether a commit took place if its answer never arrived. Never guesses. */
  async #lookUp({ error, id, seq }: { error: unknown; id: string; seq: number }): Promise<CommitOutcome> {
    const { clock, timers } = this.#environment.platform;
    const untilMono = clock.monoNow() + LOOK_UP_MS;
    while (clock.monoNow() < untilMono) {
      const connection = await this.#pool.take().catch(() => undefined);
      if (connection) {
        const { answers, error: failure } = await connection.send([this.#statements.ours(LOOK_UP, [id])]);
        this.#pool.give(connection, failure !== undefined && !refused(failure));
        const row = answers[0]?.rows[0] as { seq: number } | undefined;
        if (row) return row.seq === seq ? { kind: 'committed' } : { kind: 'failed', error, again: true };
      }
      await timers.sleep(LOOK_UP_EVERY_MS);
    }
    const gaveUp = new RametError(
      'StoreUnavailable',
      `The connection to the store of '${this.#service}' was lost during a COMMIT, and the outcome could not be looked up for ${LOOK_UP_MS} ms`,
      {
        cause: error,
        executed: 'unknown',
        retryAfterMs: 1_000,
      },
    );
    return { kind: 'unknown', error: gaveUp, id, seq };
  }
}

const workOf = async <R>(tx: HandlerTx, work: (tx: Tx) => Promise<R> | R): Promise<R> => {
  const value = await work(tx);
  await tx.seal();
  return value;
};

/** Rolls a failed transaction back, so that its connection can be used again. */
async function undo(connection: Connection, begun: boolean): Promise<void> {
  if (!begun || connection.lost !== undefined) return;
  const { error } = await connection.send([ROLLBACK]);
  if (error !== undefined) connection.destroy(error);
}

/** Returns what ended the transaction, and not the error that a handler made of it. */
const reasonOf = (tx: HandlerTx, thrown: unknown): unknown => {
  const failed = tx.failed();
  if (failed?.error instanceof NoRowChanged) return failed.error;
  return failed && thrown instanceof RametError && thrown.code === 'TransactionFailed' ? failed.error : thrown;
};

/** Whether the work may run again. Before a COMMIT was sent nothing is written, so a lost connection may be replaced. */
const mayRun = (tx: HandlerTx, connection: Connection): boolean =>
  tx.failed() !== undefined && (connection.lost !== undefined || mayRunAgain(tx.failed()?.error));

const lostError = (service: string, error: unknown): RametError =>
  unavailable(service, `the connection was lost: ${messageOf(error)}`, error);
const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));
