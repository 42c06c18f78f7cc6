import { type DefaultQueryExecutor, Transaction } from 'kysely';
import { RametError } from '../../errors/index.ts';
import type { Activity } from '../idle-watch.ts';
import { NoRowChanged, type Param, type Tx } from '../store.ts';
import type { Connection } from './connection.ts';
import { Compiler, executorOver } from './connection.ts';
import { translated } from './errors.ts';

/** A {@link Tx} with what the commit queue needs to know of it. */
export interface HandlerTx extends Tx {
  readonly actions: (() => void)[];
  activity(): Activity;
  /** What made SQLite end the transaction by itself, if it did. */
  lost(): { readonly error: unknown } | undefined;
  /** Ends the handle for good, framework statements included. */
  end(): void;
}

/**
 * The handle of one handler on the shared transaction. Statements run at once, one after another; user code's part of it
 * closes when the handler has returned, so that nothing can slip into somebody else's savepoint.
 */
export function handlerTx(connection: Connection, service: string): HandlerTx {
  let state: 'open' | 'sealed' | 'ended' = 'open';
  let statements = 0;
  let inFlight = 0;
  let depth = 0;
  let drained: (() => void) | undefined;
  let lost: { readonly error: unknown } | undefined;
  let failed: { readonly error: unknown; readonly depth: number } | undefined;
  const actions: (() => void)[] = [];

  const guarded = <R>(allowed: boolean, execute: () => R): R => {
    if (!allowed) throw lost ? lost.error : new RametError('TransactionClosed');
    // SQLite would go on; a handler must not do here what it may not do on PostgreSQL.
    if (failed) throw afterFailure(failed.error);
    statements++;
    try {
      return execute();
    } catch (error) {
      const told = translated(error, service);
      // A full disk ends the transaction; what a handler that goes on wrote now would be committed statement by statement.
      if (!connection.db.isTransaction) {
        state = 'ended';
        lost = { error: told };
      }
      failed ??= { error: told, depth };
      throw told;
    }
  };
  const executor: DefaultQueryExecutor = executorOver(
    (sql, params) => guarded(state === 'open', () => connection.query(sql, params)),
    (delta) => {
      inFlight += delta;
      if (inFlight === 0) drained?.();
    },
  );
  const rows = async <R>(sql: string, params: readonly Param[]) => guarded(state !== 'ended', () => connection.rows(sql, params)) as R[];

  return {
    db: new Transaction<any>({ config: { dialect: NO_DIALECT }, driver: NO_DRIVER, dialect: NO_DIALECT, executor } as never),
    all: (sql, ...params) => rows(sql, params),
    get: async <R>(sql: string, ...params: Param[]) => (await rows<R>(sql, params))[0],
    run: async (sql, ...params) => guarded(state !== 'ended', () => Number(connection.run(sql, params).changes)),
    last: <R>(sql: string, ...params: Param[]) => ({
      row: guarded(state !== 'ended', () => connection.query(sql, params)).rows[0] as R | undefined,
    }),
    must(sql, ...params) {
      guarded(state !== 'ended', () => {
        if (Number(connection.run(sql, params).changes) === 0) throw new NoRowChanged(sql);
      });
    },
    async savepoint(work) {
      const name = `s${++depth}`;
      guarded(state !== 'ended', () => connection.exec(`savepoint ${name}`));
      try {
        const result = await work();
        if (failed) throw failed.error;
        guarded(state !== 'ended', () => connection.exec(`release ${name}`));
        return result;
      } catch (error) {
        if (state !== 'ended' && connection.db.isTransaction) connection.exec(`rollback to ${name}; release ${name}`);
        if (failed && failed.depth >= depth) failed = undefined;
        throw error;
      } finally {
        depth--;
      }
    },
    async seal() {
      if (inFlight > 0)
        await new Promise<void>((resolve) => {
          drained = resolve;
        });
      if (state === 'open') state = 'sealed';
    },
    afterCommit: (action) => void actions.push(action),
    actions,
    activity: () => ({ statements, executing: false }),
    lost: () => lost,
    failed: () => failed,
    end: () => {
      state = 'ended';
    },
  };
}

/** What a handler is told that goes on after a statement failed. */
export const afterFailure = (cause: unknown): Error =>
  cause instanceof NoRowChanged
    ? cause
    : new RametError('TransactionFailed', `an earlier statement failed: ${cause instanceof Error ? cause.message : String(cause)}`, {
        cause,
      });

const compiler = new Compiler();
/** The transaction is the framework's: what Kysely would do to begin or end one does not exist here. */
const NO_DRIVER = {};
const NO_DIALECT = { createQueryCompiler: () => compiler };
