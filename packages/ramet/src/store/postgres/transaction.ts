import { RametError } from '../../errors/index.ts';
import type { AdapterTx, HandlerOf } from '../adapter-tx.ts';
import { InFlight } from '../in-flight.ts';
import { transactionOver } from '../kysely.ts';
import type { Pipeline } from '../pipeline.ts';
import type { Param } from '../store.ts';
import { checkOwnTexts, keptRow, keptRows } from '../text.ts';
import { Dialogue, type Session } from './dialogue.ts';
import { ENGINE } from './engine.ts';
import { resultOf } from './exchange.ts';
import { pipelined } from './pipeline.ts';
import { BEGIN, type Statement, type Statements } from './statements.ts';

/** A {@link Tx} with what its owner needs to know of it. */
export interface HandlerTx extends AdapterTx {
  readonly pipeline: Pipeline;
  /** Whether anything was sent to the server. */
  begun(): boolean;
  /** Whether a statement did anything but read. */
  wrote(): boolean;
  /** What has still to be sent before the COMMIT. */
  rest(): readonly Statement[];
}

/**
 * Makes the handle of one handler on its own transaction.
 * @param opening what begins the transaction; empty where the handle is that of a piece of work on one that has begun
 */
export function handlerTx(session: Session, statements: Statements, of: HandlerOf, opening: readonly Statement[] = [BEGIN]): HandlerTx {
  const inFlight = new InFlight(of.turn);
  const dialogue = new Dialogue(session, of, inFlight, opening);
  const actions: (() => void)[] = [];
  const ours = (sql: string, params: readonly Param[]) => dialogue.ask(dialogue.state !== 'ended', statements.ours(sql, params));
  const db = transactionOver(
    ENGINE,
    async (sql, params) => {
      try {
        checkOwnTexts(sql, params);
      } catch (error) {
        // The server would refuse it, or change it silently.
        throw dialogue.refuse(error, sql);
      }
      return resultOf(await dialogue.ask(dialogue.state === 'open', statements.kysely(sql, params)));
    },
    (delta) => inFlight.change(delta),
  );
  return {
    db,
    all: async <R>(sql: string, ...params: Param[]) => keptRows((await ours(sql, params)).rows as R[]),
    get: async <R>(sql: string, ...params: Param[]) => keptRow((await ours(sql, params)).rows[0] as R | undefined),
    run: async (sql, ...params) => (await ours(sql, params)).changes,
    defer: <R>(sql: string, ...params: Param[]) => dialogue.defer(statements.ours(sql, params)) as { row: R | undefined },
    expectRow: (sql, ...params) => dialogue.expectRow(statements.must(sql, params)),
    savepoint: (work) => dialogue.savepoint(work),
    async pipeline(pieces) {
      if (dialogue.state !== 'open') throw new RametError('TransactionClosed');
      dialogue.checkOpen();
      const send = (some: readonly Statement[]) => dialogue.send(some);
      const handle = (piece: Pick<Session, 'send'>) => handlerTx(partOf(session, piece.send), statements, of, []);
      const { outcome, handles } = await pipelined(pieces, { handle, send, turn: of.turn });
      dialogue.adopt(handles);
      for (const piece of handles) actions.push(...piece.actions);
      return outcome;
    },
    settled: () => inFlight.settled(),
    async seal() {
      await inFlight.ended();
      if (dialogue.state === 'open') dialogue.state = 'sealed';
    },
    afterCommit: (action) => void actions.push(action),
    actions,
    activity: () => ({ statements: dialogue.count, executing: dialogue.executing }),
    failed: () => dialogue.failed,
    begun: () => dialogue.begun,
    wrote: () => dialogue.wrote,
    rest: () => dialogue.rest(),
    end: () => {
      dialogue.state = 'ended';
    },
  };
}

/** The session of a piece of work: its own way to send, and the fate of the whole. */
const partOf = (session: Session, send: Session['send']): Session => ({
  send,
  get lost() {
    return session.lost;
  },
});
