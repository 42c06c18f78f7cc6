import { RametError } from '../../errors/index.ts';
import type { AdapterTx, HandlerOf } from '../adapter-tx.ts';
import { afterFailure, type FailedStatement } from '../failed-statement.ts';
import { InFlight } from '../in-flight.ts';
import { transactionOver } from '../kysely.ts';
import { NoRowChanged, type Param } from '../store.ts';
import { checkOwnTexts, keptParam, keptRow, keptRows } from '../text.ts';
import type { Connection } from './connection.ts';
import { ENGINE } from './engine.ts';
import { translated } from './errors.ts';

/** A {@link Tx}, with what the writer needs to know about it. */
export interface HandlerTx extends AdapterTx {
  /** The error after which SQLite ended the transaction, if it did. */
  lost(): { readonly error: unknown } | undefined;
}

/**
 * Makes the handle of one handler on the shared transaction. Statements run immediately, one after another. The part for user code
 * closes when the handler has returned, so that no late statement can run in the savepoint of another handler.
 */
export function handlerTx(connection: Connection, { service, handler, note, turn }: HandlerOf): HandlerTx {
  let state: 'open' | 'sealed' | 'ended' = 'open';
  let statements = 0;
  let depth = 0;
  let lost: { readonly error: unknown } | undefined;
  let failed: FailedStatement | undefined;
  const inFlight = new InFlight(turn);
  const actions: (() => void)[] = [];

  const guarded = <R>(allowed: boolean, statement: string, execute: () => R): R => {
    if (!allowed) throw note(lost ? lost.error : new RametError('TransactionClosed'), statement);
    // SQLite would continue; a handler must not do here what it may not do on PostgreSQL.
    if (failed) throw afterFailure(failed, handler);
    statements++;
    try {
      return execute();
    } catch (error) {
      const noted = note(translated(error, service), statement);
      // A full disk ends the transaction. If the handler continued, each of its statements would be committed alone.
      if (!connection.db.isTransaction) {
        state = 'ended';
        lost = { error: noted };
      }
      failed ??= { error: noted, statement, depth };
      throw noted;
    }
  };
  const db = transactionOver(
    ENGINE,
    async (sql, params) =>
      guarded(state === 'open', sql, () => {
        checkOwnTexts(sql, params);
        return connection.query(sql, params);
      }),
    (delta) => inFlight.change(delta),
  );
  const rows = async <R>(sql: string, params: readonly Param[]) =>
    keptRows(guarded(state !== 'ended', sql, () => connection.rows(sql, params.map(keptParam))) as R[]);

  return {
    db,
    all: (sql, ...params) => rows(sql, params),
    get: async <R>(sql: string, ...params: Param[]) => (await rows<R>(sql, params))[0],
    run: async (sql, ...params) => guarded(state !== 'ended', sql, () => Number(connection.run(sql, params.map(keptParam)).changes)),
    defer: <R>(sql: string, ...params: Param[]) => ({
      row: keptRow(guarded(state !== 'ended', sql, () => connection.query(sql, params.map(keptParam))).rows[0] as R | undefined),
    }),
    expectRow(sql, ...params) {
      guarded(state !== 'ended', sql, () => {
        if (Number(connection.run(sql, params.map(keptParam)).changes) === 0) throw new NoRowChanged(sql);
      });
    },
    async savepoint(work) {
      const name = `s${++depth}`;
      guarded(state !== 'ended', 'savepoint', () => connection.exec(`savepoint ${name}`));
      try {
        const result = await work();
        const settled = inFlight.settled();
        if (settled) await settled;
        if (failed) throw afterFailure(failed, handler);
        guarded(state !== 'ended', 'release', () => connection.exec(`release ${name}`));
        return result;
      } catch (error) {
        if (state !== 'ended' && connection.db.isTransaction) connection.exec(`rollback to ${name}; release ${name}`);
        if (failed && failed.depth >= depth) failed = undefined;
        throw error;
      } finally {
        depth--;
      }
    },
    settled: () => inFlight.settled(),
    async seal() {
      await inFlight.ended();
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
