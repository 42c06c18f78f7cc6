import {
  type DatabaseConnection,
  DefaultQueryExecutor,
  PostgresAdapter,
  PostgresQueryCompiler,
  type QueryResult,
  Transaction,
} from 'kysely';
import { RametError } from '../../errors/index.ts';
import type { Param, Tx } from '../store.ts';
import type { Answer, Connection } from './connection.ts';
import { mayRunAgain, refused, translated } from './errors.ts';
import { control, type Statement, type Statements } from './statements.ts';

/** A {@link Tx} with what its owner needs to know of it. */
export interface HandlerTx extends Tx {
  readonly actions: readonly (() => void)[];
  /** Counts statements: a handler whose count stands still while nothing is executed idles. */
  activity(): { readonly statements: number; readonly executing: boolean };
  /** The failure that ended the transaction on the server, if there was one. */
  failed(): { readonly error: unknown } | undefined;
  /** Whether anything was sent to the server. */
  begun(): boolean;
  /** Whether anything but reading was asked for. */
  wrote(): boolean;
  /** What has still to be said before the COMMIT. */
  rest(): readonly Statement[];
  /** Ends the handle for good, framework statements included. */
  end(): void;
}

const compiler = new PostgresQueryCompiler();
const adapter = new PostgresAdapter();
const BEGIN = control('begin');
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

/** Why a connection is lost is not what a statement did wrong. */
function told(error: unknown, connection: Connection, service: string): unknown {
  if (connection.lost !== undefined && !refused(error))
    return new RametError('StoreUnavailable', `The store of '${service}' is not available (${(error as Error).message})`, {
      cause: error,
      retryAfterMs: 1_000,
    });
  return translated(error, service);
}

/**
 * The handle of one handler on its own transaction. BEGIN, savepoints and their ends wait for the next statement and travel
 * with it. PostgreSQL ends a transaction at the first statement that fails; what ran in a savepoint is undone instead.
 */
export function handlerTx(connection: Connection, statements: Statements, service: string): HandlerTx {
  let state: 'open' | 'sealed' | 'ended' = 'open';
  let count = 0;
  let executing = 0;
  let inFlight = 0;
  let drained: (() => void) | undefined;
  let failed: { readonly error: unknown; readonly depth: number } | undefined;
  let wrote = false;
  let sent = false;
  let depth = 0;
  let before: Statement[] = [BEGIN];
  let last: Statement[] = [];
  const actions: (() => void)[] = [];

  const say = async (allowed: boolean, statement: Statement): Promise<Answer> => {
    if (!allowed) throw new RametError('TransactionClosed');
    if (failed)
      throw new RametError('TransactionFailed', `an earlier statement failed: ${messageOf(failed.error)}`, { cause: failed.error });
    count++;
    wrote ||= !READS.test(statement.text);
    const together = [...before, statement];
    before = [];
    sent = true;
    executing++;
    const within = depth;
    const { answers, error } = await connection.send(together);
    executing--;
    count++;
    const answer = answers[together.length - 1];
    if (answer && error === undefined) return answer;
    // What was answered and could not be read has done no harm to the transaction.
    if (answer === undefined) failed ??= { error: told(error, connection, service), depth: within };
    throw told(error, connection, service);
  };
  const executor = executorOver(
    (sql, params) => say(state === 'open', statements.kysely(sql, params)),
    (delta) => {
      inFlight += delta;
      if (inFlight === 0) drained?.();
    },
  );
  const ours = (sql: string, params: readonly Param[]) => say(state !== 'ended', statements.ours(sql, params));

  return {
    db: new Transaction<any>({ config: { dialect: NO_DIALECT }, driver: NO_DRIVER, dialect: NO_DIALECT, executor } as never),
    all: async <R>(sql: string, ...params: Param[]) => (await ours(sql, params)).rows as R[],
    get: async <R>(sql: string, ...params: Param[]) => (await ours(sql, params)).rows[0] as R | undefined,
    run: async (sql, ...params) => (await ours(sql, params)).changes,
    last(sql, ...params) {
      if (state === 'ended') throw new RametError('TransactionClosed');
      last.push(statements.ours(sql, params));
      wrote = true;
    },
    async savepoint(work) {
      if (state === 'ended') throw new RametError('TransactionClosed');
      const name = `s${++depth}`;
      const kept = last.length;
      const begin = control(`savepoint ${name}`);
      before.push(begin);
      try {
        const result = await work();
        if (failed) throw failed.error;
        if (before.at(-1) === begin) before.pop();
        else before.push(control(`release ${name}`));
        return result;
      } catch (error) {
        last = last.slice(0, kept);
        const unsent = before.indexOf(begin);
        if (unsent >= 0) before = before.slice(0, unsent);
        else before = [control(`rollback to ${name}`), control(`release ${name}`)];
        // A lost connection and a deadlock concern the whole transaction, which runs again.
        if (failed && failed.depth >= depth && connection.lost === undefined && !mayRunAgain(failed.error)) failed = undefined;
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

const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error));

/** The transaction is the framework's: what Kysely would do to begin or end one does not exist here. */
const NO_DRIVER = {};
const NO_DIALECT = { createQueryCompiler: () => compiler };
