import { RametError, reasonOf } from '../../errors/index.ts';
import type { HandlerOf } from '../adapter-tx.ts';
import { afterFailure, type FailedStatement } from '../failed-statement.ts';
import type { InFlight } from '../in-flight.ts';
import { NoRowChanged } from '../store.ts';
import { keptRow } from '../text.ts';
import type { Connection } from './connection.ts';
import { mayRunAgain, nothingChanged, refused, translated, unavailable } from './errors.ts';
import type { Answer, SentOutcome } from './exchange.ts';
import { control, type Late, ROLLBACK, type Statement } from './statements.ts';

/** Where the statements of a transaction go. */
export type Session = Pick<Connection, 'send' | 'lost'>;

const READS = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(?:select|values|show)\b/i;

/**
 * The statements of one transaction. BEGIN, savepoints and their ends wait for the next statement and are sent with it. PostgreSQL ends a
 * transaction at the first statement that fails; what ran in a savepoint is undone instead.
 */
export class Dialogue {
  readonly #session: Session;
  readonly #of: HandlerOf;
  readonly #inFlight: InFlight;
  #sent: boolean;
  #depth = 0;
  /** Statements that are sent with the next one. */
  #before: Statement[];
  /** Statements that are sent with the COMMIT. */
  #last: Statement[] = [];
  #executing = 0;
  state: 'open' | 'sealed' | 'ended' = 'open';
  failed: FailedStatement | undefined;
  /** Whether a statement did anything but read. */
  wrote = false;
  /** Rises with each statement and with each answer. */
  count = 0;

  /** @param opening what begins the transaction; empty for a piece of work on one that has begun */
  constructor(session: Session, of: HandlerOf, inFlight: InFlight, opening: readonly Statement[]) {
    this.#session = session;
    this.#of = of;
    this.#inFlight = inFlight;
    this.#before = [...opening];
    this.#sent = opening.length === 0;
  }

  get executing(): boolean {
    return this.#executing > 0;
  }

  /** Whether anything was sent to the server. */
  get begun(): boolean {
    return this.#sent;
  }

  /** What has still to be sent before the COMMIT. */
  rest(): readonly Statement[] {
    return [...this.#before, ...this.#last];
  }

  /** @throws RametError TransactionClosed, TransactionFailed */
  checkOpen(): void {
    // Its session may belong to another transaction now.
    if (this.state === 'ended') throw new RametError('TransactionClosed');
    if (this.failed) throw afterFailure(this.failed, this.#of.handler);
  }

  /** Sends statements behind those that wait for the next one. @returns the answers to these */
  async send(some: readonly Statement[]): Promise<SentOutcome> {
    this.checkOpen();
    this.count++;
    this.wrote ||= !some.every(({ text }) => READS.test(text));
    const together = [...this.#before, ...some];
    const first = this.#before.length;
    this.#before = [];
    this.#sent = true;
    this.#executing++;
    const within = this.#depth;
    const outcome = await this.#session.send(together);
    this.#executing--;
    this.count++;
    const { answers, error } = outcome;
    const unmet = lateAnswers(together, outcome);
    // An answer that could not be read has done no harm to the transaction.
    if (answers.length < together.length)
      this.failed ??= {
        error: unmet?.error ?? this.#reasonOf(error),
        statement: together[answers.length]?.text ?? '',
        depth: unmet?.depth ?? within,
      };
    return { answers: answers.slice(first), error: unmet?.error ?? error };
  }

  /** Sends one statement and waits for its answer. */
  async ask(allowed: boolean, statement: Statement): Promise<Answer> {
    try {
      if (!allowed) throw new RametError('TransactionClosed');
      const { answers, error } = await this.send([statement]);
      const [answer] = answers;
      if (answer && error === undefined) return answer;
      throw error instanceof NoRowChanged ? error : this.#reasonOf(error);
    } catch (error) {
      throw this.#of.note(error, statement.text);
    }
  }

  /** Counts a statement that the server must not receive as one that failed. @returns the error to throw */
  refuse(error: unknown, statement: string): unknown {
    this.failed ??= { error, statement, depth: this.#depth };
    return this.#of.note(error, statement);
  }

  /** Adds a statement that is sent with the COMMIT. */
  defer(statement: Statement): Late {
    const deferred = this.#later(statement, false);
    this.#last.push(deferred);
    return deferred.late;
  }

  /** Adds a statement that is sent with the next one, which is not executed where this one changes no row. */
  expectRow(statement: Statement): void {
    if (this.failed) this.checkOpen();
    this.#before.push(this.#later(statement, true));
  }

  /** Takes over what pieces of work on this transaction have left for its end. */
  adopt(pieces: readonly { rest(): readonly Statement[]; wrote(): boolean }[]): void {
    for (const piece of pieces) {
      this.#last.push(...piece.rest());
      this.wrote ||= piece.wrote();
    }
  }

  async savepoint<R>(work: () => Promise<R> | R): Promise<R> {
    if (this.state === 'ended') throw new RametError('TransactionClosed');
    const name = `s${++this.#depth}`;
    const kept = this.#last.length;
    // While nothing but statements that can be sent again came before it, the transaction itself is its savepoint.
    const again = this.#sent ? undefined : this.#before.slice();
    const begin = again ? undefined : control(`savepoint ${name}`);
    if (begin) this.#before.push(begin);
    try {
      const result = await work();
      const settled = this.#inFlight.settled();
      if (settled) await settled;
      if (this.failed) this.checkOpen();
      if (begin && this.#before.at(-1) === begin) this.#before.pop();
      else if (begin) this.#before.push(control(`release ${name}`));
      return result;
    } catch (error) {
      // A statement that fails later must not count as a failure after this savepoint.
      const settled = this.#inFlight.settled();
      if (settled) await settled;
      this.#last = this.#last.slice(0, kept);
      this.#undo(name, begin, again);
      throw error;
    } finally {
      this.#depth--;
    }
  }

  #undo(name: string, begin: Statement | undefined, again: readonly Statement[] | undefined): void {
    const unsent = begin ? this.#before.indexOf(begin) : -1;
    if (again) this.#before = this.#sent ? [ROLLBACK, ...again] : [...again];
    else if (unsent >= 0) this.#before = this.#before.slice(0, unsent);
    else this.#before = [control(`rollback to ${name}`), control(`release ${name}`)];
    // A lost session and a deadlock concern the whole transaction, which runs again.
    const { failed } = this;
    if (failed && failed.depth >= this.#depth && this.#session.lost === undefined && !mayRunAgain(failed.error)) this.failed = undefined;
  }

  #later(statement: Statement, must: boolean): Statement & { readonly late: Late } {
    if (this.state === 'ended') throw new RametError('TransactionClosed');
    this.wrote = true;
    return { ...statement, late: { must, depth: this.#depth, row: undefined } };
  }

  /** The reason of a lost session is not a mistake of a statement. */
  #reasonOf(error: unknown): unknown {
    const { service } = this.#of;
    return this.#session.lost !== undefined && !refused(error) ? unavailable(service, reasonOf(error), error) : translated(error, service);
  }
}

/**
 * Hands the answers of late statements to the code that added them.
 * @returns the failure of a statement that had to change a row
 */
export function lateAnswers(
  statements: readonly Statement[],
  { answers, error }: SentOutcome,
): { error: NoRowChanged; depth: number } | undefined {
  for (let i = 0; i < answers.length; i++) {
    const late = statements[i]?.late;
    if (late) late.row = keptRow(answers[i]?.rows[0]);
  }
  const failed = statements[answers.length];
  return failed?.late?.must && nothingChanged(error) ? { error: new NoRowChanged(failed.text), depth: failed.late.depth } : undefined;
}
