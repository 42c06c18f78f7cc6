import { postgresPasses, postgresRemedy, RametError, reasonOf, sqlState } from '../../errors/index.ts';

/** Serialisation failures and deadlocks: the same work may succeed when it is run again. */
const AGAIN = new Set(['40001', '40P01']);
/** The server ends the session. */
const ENDED = /^(57P0[1-5]|08...|25P03|25P04)$/;

/** Whether the same work may succeed when it runs again. */
export const mayRunAgain = (error: unknown): boolean => {
  const state = sqlState(error);
  return state !== undefined && (AGAIN.has(state) || planChanged(error));
};

/** Whether a table of a prepared statement has changed: another version of the service has migrated it. */
export const planChanged = (error: unknown): boolean =>
  sqlState(error) === '0A000' && (error as Error).message.includes('cached plan must not change result type');

/** Whether the server has certainly refused, so that nothing of the transaction is left. */
export const refused = (error: unknown): boolean => {
  const state = sqlState(error);
  return state !== undefined && !ENDED.test(state) && !state.startsWith('XX');
};

/** Whether the server has ended the session with this error. */
export const sessionEnded = (error: unknown): boolean => ENDED.test(sqlState(error) ?? '');

/** The errors of a statement that had to change a row and changed none: the key exists, or a division by zero. */
const NOTHING_CHANGED = new Set(['23505', '22012']);
/** Whether a statement failed because it changed no row. */
export const nothingChanged = (error: unknown): boolean => NOTHING_CHANGED.has(sqlState(error) ?? '');
/** Whether a read-only session was asked to write. */
export const readOnly = (error: unknown): boolean => sqlState(error) === '25006';
/** Whether the server accepts no further connection. */
export const tooManyConnections = (error: unknown): boolean => sqlState(error) === '53300';

/** Translates an error of the server: an outage becomes StoreUnavailable, other errors are unchanged. */
export function translated(error: unknown, service: string): unknown {
  const state = sqlState(error);
  if (state === undefined || AGAIN.has(state) || !postgresPasses(error)) return error;
  return unavailable(service, reasonOf(error), error);
}

/** Makes the error of a store that is unavailable. Nothing was written. */
export const unavailable = (service: string, why: string, cause?: unknown): RametError =>
  new RametError(
    'StoreUnavailable',
    `The store of '${service}' is not available (${why})${cause === undefined ? '' : `: ${postgresRemedy(cause)}`}`,
    { cause, retryAfterMs: 1_000 },
  );

/**
 * Says why a store cannot be opened, and what to do.
 * @param where the server's address, without secrets
 * @returns StoreUnavailable for an outage, which ends without an operator; StoreUnusable for a mistake
 */
export function cannotOpen(error: unknown, service: string, where: string): RametError {
  if (error instanceof RametError) return error;
  const said = `${reasonOf(error)}): ${postgresRemedy(error)}`;
  return postgresPasses(error)
    ? new RametError('StoreUnavailable', `the store of '${service}' at ${where} is not available (${said}`, {
        cause: error,
        retryAfterMs: 1_000,
      })
    : new RametError('StoreUnusable', `the store of '${service}' at ${where} cannot be opened (${said}`, { cause: error });
}

/** Makes the error of a closed store. */
export const closed = (service: string): RametError => new RametError('StoreUnavailable', `The store of '${service}' is closed`);
