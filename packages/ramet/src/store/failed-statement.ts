import { isOutage, RametError, whenUnawaited } from '../errors/index.ts';
import type { StoreEnvironment } from './factory.ts';
import { NoRowChanged } from './store.ts';

/** How much of the text of a statement is shown to people. */
const TEXT_MAX = 300;

/** A failed statement, after which nothing of its transaction can be kept. */
export interface FailedStatement {
  readonly error: unknown;
  /** Its text, without its parameters. */
  readonly statement: string;
  /** The number of savepoints around it. */
  readonly depth: number;
}

/** Records the error of a statement: if the handler did not await it, the process continues, and the log names the handler. */
export type NoteError = (error: unknown, statement: string) => unknown;

/** Makes a {@link NoteError}. @param handler the handler that issued the statement, as `orders.place` */
export const noting =
  (
    { onWarning }: Pick<StoreEnvironment, 'onWarning'>,
    service: string,
    handler: string,
    failed?: (error: unknown, statement: string) => void,
  ): NoteError =>
  (error, statement) =>
    whenUnawaited(error, () => {
      const closed = error instanceof RametError && error.code === 'TransactionClosed';
      const fields = { err: error, service, handler, statement: shortened(statement) };
      onWarning(closed ? 'statement_too_late' : 'statement_unawaited', fields);
      failed?.(error, statement);
    });

/** Makes the error of a handler that continues after a statement failed. */
export function afterFailure({ error, statement }: Omit<FailedStatement, 'depth'>, handler: string): Error {
  // Neither of these is a mistake of the handler, whatever it did about the error.
  if (error instanceof NoRowChanged || isOutage(error)) return error as Error;
  const refused = new RametError(
    'TransactionFailed',
    `'${handler}' continued after a statement had failed: ${error instanceof Error ? error.message : String(error)} [${shortened(statement)}]`,
    { cause: error },
  );
  // The first failure is the one that is reported.
  return whenUnawaited(refused, () => {});
}

/** Shortens the text of a statement for people. */
export const shortened = (statement: string): string => {
  const text = statement.replace(/\s+/g, ' ').trim();
  return text.length > TEXT_MAX ? `${text.slice(0, TEXT_MAX)}…` : text;
};
