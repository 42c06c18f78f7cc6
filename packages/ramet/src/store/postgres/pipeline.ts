import { whenUnawaited } from '../../errors/index.ts';
import type { AdapterTx } from '../adapter-tx.ts';
import type { NotPipelined } from '../pipeline.ts';
import type { Tx } from '../store.ts';
import type { Session } from './dialogue.ts';
import type { SentOutcome } from './exchange.ts';
import type { Statement } from './statements.ts';

interface QueuedPiece {
  readonly of: number;
  readonly statements: readonly Statement[];
  readonly answer: (outcome: SentOutcome) => void;
}

/** The outcome for a piece whose statement was not executed because another piece failed. */
const UNSENT = (): SentOutcome => ({
  answers: [],
  error: whenUnawaited(new Error('nothing of this transaction can be kept'), () => {}),
});

/**
 * Sends the statements of several pieces of work on one transaction. Each piece begins when the one before has issued its first
 * statement, and these statements are sent in one packet. After that, only the last piece that has sent a statement may send more:
 * statements of an earlier piece would be executed after those of later ones. If a piece does not reach its first statement at once, it
 * waits for something else, which may be the answer to an earlier piece: then nothing is sent. The same holds for savepoints, which would
 * undo the work of other pieces.
 * @param turn waits for a turn of the event loop
 */
export async function pipelined<P extends AdapterTx>(
  pieces: readonly ((tx: Tx) => Promise<void>)[],
  { handle, send, turn }: { readonly handle: (wire: Pick<Session, 'send'>) => P; readonly send: Session['send']; turn(): Promise<void> },
): Promise<{ readonly outcome: NotPipelined | undefined; readonly handles: readonly P[] }> {
  const asked: QueuedPiece[] = [];
  const handles: P[] = [];
  const ended: Promise<void>[] = [];
  const failures = new Map<number, unknown>();
  /** The pieces whose statements were never sent because another piece failed. */
  const unsent = new Set<number>();
  let last = -1;
  let interleaved: number | undefined;
  let sent = false;
  const begin = (piece: (tx: Tx) => Promise<void>, i: number) =>
    new Promise<'began'>((resolve) => {
      const began = () => resolve('began');
      const refuse = () => {
        interleaved ??= i;
        unsent.add(i);
        return UNSENT();
      };
      const tx = handle({
        async send(statements) {
          if (i < last || interleaved !== undefined) return refuse();
          last = i;
          if (sent) return send(statements);
          return new Promise((answer) => {
            asked.push({ of: i, statements, answer });
            began();
          });
        },
      });
      handles.push(tx);
      const own: AdapterTx = {
        ...tx,
        async savepoint() {
          throw refuse().error;
        },
      };
      ended.push(
        run(piece, own)
          .catch((error: unknown) => void failures.set(i, error))
          .then(began),
      );
    });
  for (const [i, piece] of pieces.entries()) {
    if ((await Promise.race([begin(piece, i), turn()])) !== 'began') interleaved ??= i;
    if (failures.size > 0 || interleaved !== undefined) break;
  }
  sent = true;
  if (failures.size > 0 || interleaved !== undefined) {
    for (const { of, answer } of asked) {
      unsent.add(of);
      answer(UNSENT());
    }
  } else if (asked.length > 0 && !(await sendAll(asked, send))) interleaved ??= last;
  await Promise.all(ended);
  for (const tx of handles) tx.end();
  const failed = handles.findIndex((tx, i) => !unsent.has(i) && (failures.has(i) || tx.failed() !== undefined));
  if (interleaved !== undefined) return { outcome: { interleaved }, handles };
  if (failed < 0) return { outcome: undefined, handles };
  return { outcome: { failed, error: failures.get(failed) ?? handles[failed]?.failed()?.error }, handles };
}

async function run(piece: (tx: Tx) => Promise<void>, tx: AdapterTx): Promise<void> {
  await piece(tx);
  await tx.seal();
}

/** Sends everything. @returns false when an answer could not be read, so that its piece is unknown */
async function sendAll(asked: readonly QueuedPiece[], send: Session['send']): Promise<boolean> {
  const statements = asked.flatMap((one) => one.statements);
  const { answers, error } = await send(statements);
  const known = error === undefined || answers.length < statements.length;
  let from = 0;
  for (const { statements: own, answer } of asked) {
    const answered = answers.slice(from, from + own.length);
    const failing = answers.length >= from && answered.length < own.length;
    answer(failing ? { answers: answered, error } : answers.length < from || !known ? UNSENT() : { answers: answered, error: undefined });
    from += own.length;
  }
  return known;
}
