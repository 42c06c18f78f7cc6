import {
  type DatabaseConnection,
  DefaultQueryExecutor,
  PostgresAdapter,
  PostgresQueryCompiler,
  type QueryResult,
  Transaction,
} from 'kysely';
import { RametError, reasonOf } from '../../errors/index.ts';
import type { AdapterTx, HandlerOf } from '../adapter-tx.ts';
import { afterFailure, type FailedStatement } from '../failed-statement.ts';
import { InFlight } from '../in-flight.ts';
import type { PipelinedTx } from '../pipeline.ts';
import { NoRowChanged, type Param } from '../store.ts';
import { checkOwnTexts, keptRow, keptRows } from '../text.ts';
import type { Answer, Outcome } from './connection.ts';
import { mayRunAgain, nothingChanged, refused, translated, unavailable } from './errors.ts';
import { pipelined, type Wire } from './pipeline.ts';
import { BEGIN, control, type Late, ROLLBACK, type Statement, type Statements } from './statements.ts';

/** A {@link Tx} with what its owner needs to know of it. */
export interface HandlerTx extends AdapterTx, PipelinedTx {
  failed(): FailedStatement | undefined;
  /** Whether anything was sent to the server. */
  begun(): boolean;
  /** Whether anything but reading was asked for. */
  wrote(): boolean;
  /** What has still to be said before the COMMIT. */
  rest(): readonly Statement[];
}

const compiler = new PostgresQueryCompiler();
const adapter = new PostgresAdapter();
const READS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(?:select|values|show)\b/i;

/** A Kysely executor over `query`. `inFlight` is told when a statement begins and ends. */
export function executorOver(
  query: (sql: string, params: readonly unknown[]) => Promise<Answer>,
  inFlight: (delta: 1 | -1) => void,
): DefaultQueryExecutor {
  const connection: DatabaseConnection = {
    async executeQuery(compiled) {
      const { rows, command, changes } = await query(compiled.sql, compiled.parameters);
      const counted = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE';
      return { rows, ...(counted ? { numAffectedRows: BigInt(changes) } : {}) } as QueryResult<never>;
    },
    async *streamQuery(compiled) {
      for (const row of (await query(compiled.sql, compiled.parameters)).rows) yield { rows: [row as never] };
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

/**
 * Gives late answers to those who asked for them.
 * @returns the failure of one that had to change a row
 */
export function lateAnswers(
  statements: readonly Statement[],
  { answers, error }: Outcome,
): { error: NoRowChanged; depth: number } | undefined {
  for (let i = 0; i < answers.length; i++) {
    const late = statements[i]?.late;
    if (late) late.row = keptRow(answers[i]?.rows[0]);
  }
  const failed = statements[answers.length];
  return failed?.late?.must && nothingChanged(error) ? { error: new NoRowChanged(failed.text), depth: failed.late.depth } : undefined;
}

/** Why a connection is lost is not what a statement did wrong. */
function told(error: unknown, connection: Wire, service: string): unknown {
  if (connection.lost !== undefined && !refused(error)) return unavailable(service, reasonOf(error), error);
  return translated(error, service);
}

/**
 * The handle of one handler on its own transaction. BEGIN, savepoints and their ends wait for the next statement and travel
 * with it. PostgreSQL ends a transaction at the first statement that fails; what ran in a savepoint is undone instead.
 * @param opening what begins the transaction; nothing where the handle is that of a piece of work on one that has begun
 */
export function handlerTx(connection: Wire, statements: Statements, of: HandlerOf, opening: readonly Statement[] = [BEGIN]): HandlerTx {
  const { service, handler, note, turn } = of;
  let state: 'open' | 'sealed' | 'ended' = 'open';
  let count = 0;
  let executing = 0;
  let failed: FailedStatement | undefined;
  let wrote = false;
  let sent = opening.length === 0;
  let depth = 0;
  let before: Statement[] = [...opening];
  let last: Statement[] = [];
  const inFlight = new InFlight(turn);
  const actions: (() => void)[] = [];

  /** Sends statements behind whatever waits to travel with them. @returns the answers to these */
  const send = async (some: readonly Statement[]): Promise<Outcome> => {
    // Its connection may be another one's by now.
    if (state === 'ended') throw new RametError('TransactionClosed');
    if (failed) throw afterFailure(failed, handler);
    count++;
    wrote ||= !some.every(({ text }) => READS.test(text));
    const together = [...before, ...some];
    const first = before.length;
    before = [];
    sent = true;
    executing++;
    const within = depth;
    const outcome = await connection.send(together);
    executing--;
    count++;
    const { answers, error } = outcome;
    const unmet = lateAnswers(together, outcome);
    // What was answered and could not be read has done no harm to the transaction.
    if (answers.length < together.length)
      failed ??= {
        error: unmet?.error ?? told(error, connection, service),
        statement: together[answers.length]?.text ?? '',
        depth: unmet?.depth ?? within,
      };
    return { answers: answers.slice(first), error: unmet?.error ?? error };
  };
  const say = async (allowed: boolean, statement: Statement): Promise<Answer> => {
    try {
      if (!allowed) throw new RametError('TransactionClosed');
      const { answers, error } = await send([statement]);
      const [answer] = answers;
      if (answer && error === undefined) return answer;
      throw error instanceof NoRowChanged ? error : told(error, connection, service);
    } catch (error) {
      throw note(error, statement.text);
    }
  };
  const executor = executorOver(
    async (sql, params) => {
      try {
        checkOwnTexts(sql, params);
      } catch (error) {
        // The server would refuse it, or change it without a word: it counts as a statement that failed.
        failed ??= { error, statement: sql, depth };
        throw note(error, sql);
      }
      return say(state === 'open', statements.kysely(sql, params));
    },
    (delta) => inFlight.change(delta),
  );
  const ours = (sql: string, params: readonly Param[]) => say(state !== 'ended', statements.ours(sql, params));
  const later = (must: boolean, statement: Statement): Statement & { late: Late } => {
    if (state === 'ended') throw new RametError('TransactionClosed');
    if (must && failed) throw afterFailure(failed, handler);
    wrote = true;
    return { ...statement, late: { must, depth, row: undefined } };
  };

  return {
    db: new Transaction<any>({ config: { dialect: NO_DIALECT }, driver: NO_DRIVER, dialect: NO_DIALECT, executor } as never),
    all: async <R>(sql: string, ...params: Param[]) => keptRows((await ours(sql, params)).rows as R[]),
    get: async <R>(sql: string, ...params: Param[]) => keptRow((await ours(sql, params)).rows[0] as R | undefined),
    run: async (sql, ...params) => (await ours(sql, params)).changes,
    defer<R>(sql: string, ...params: Param[]) {
      const statement = later(false, statements.ours(sql, params));
      last.push(statement);
      return statement.late as { row: R | undefined };
    },
    expectRow: (sql, ...params) => void before.push(later(true, statements.must(sql, params))),
    async savepoint(work) {
      if (state === 'ended') throw new RametError('TransactionClosed');
      const name = `s${++depth}`;
      const kept = last.length;
      // With nothing before it but what can be said once more, the transaction itself is its savepoint.
      const again = sent ? undefined : before.slice();
      const begin = again ? undefined : control(`savepoint ${name}`);
      if (begin) before.push(begin);
      try {
        const result = await work();
        const settled = inFlight.settled();
        if (settled) await settled;
        if (failed) throw afterFailure(failed, handler);
        if (!begin) return result;
        if (before.at(-1) === begin) before.pop();
        else before.push(control(`release ${name}`));
        return result;
      } catch (error) {
        // One that fails later must not be taken for a failure behind this savepoint.
        const settled = inFlight.settled();
        if (settled) await settled;
        last = last.slice(0, kept);
        const unsent = begin ? before.indexOf(begin) : -1;
        if (again) before = sent ? [ROLLBACK, ...again] : again;
        else if (unsent >= 0) before = before.slice(0, unsent);
        else before = [control(`rollback to ${name}`), control(`release ${name}`)];
        // A lost connection and a deadlock concern the whole transaction, which runs again.
        if (failed && failed.depth >= depth && connection.lost === undefined && !mayRunAgain(failed.error)) failed = undefined;
        throw error;
      } finally {
        depth--;
      }
    },
    async pipeline(pieces) {
      if (state !== 'open') throw new RametError('TransactionClosed');
      if (failed) throw afterFailure(failed, handler);
      const handle = (wire: Pick<Wire, 'send'>) =>
        handlerTx(
          {
            send: wire.send,
            get lost() {
              return connection.lost;
            },
          },
          statements,
          of,
          [],
        );
      const { outcome, handles } = await pipelined(pieces, { handle, send, turn });
      for (const piece of handles) {
        last.push(...piece.rest());
        actions.push(...piece.actions);
        wrote ||= piece.wrote();
      }
      return outcome;
    },
    settled: () => inFlight.settled(),
    async seal() {
      await inFlight.ended();
      if (state === 'open') state = 'sealed';
    },
    afterCommit: (action) => void actions.push(action),
    actions,
    activity: () => ({ statements: count, executing: executing > 0 }),
    failed: () => failed,
    begun: () => sent,
    wrote: () => wrote,
    rest: () => [...before, ...last],
    end: () => {
      state = 'ended';
    },
  };
}

/** The transaction is the framework's: what Kysely would do to begin or end one does not exist here. */
const NO_DRIVER = {};
const NO_DIALECT = { createQueryCompiler: () => compiler };
