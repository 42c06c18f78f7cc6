import { RametError } from '../../errors/index.ts';

/** What the server says has a code of five characters (SQLSTATE); what the network says has another, or none. */
export const sqlState = (error: unknown): string | undefined => {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code) && 'severity' in (error as object) ? code : undefined;
};

/** Serialisation failures and deadlocks: the same work may succeed when it is run again. */
const AGAIN = new Set(['40001', '40P01']);
/** The server does not take work now: its disk or memory is full, it starts or stops, it lets nobody write. */
const UNAVAILABLE = /^(53...|57P0[1-5]|58...|25006|08...|XX00.)$/;
/** Somebody else held a lock for too long, or the statement took too long. */
const TOO_LONG = new Set(['55P03', '57014']);
/** The session is ended by the server. */
const ENDED = /^(57P0[1-5]|08...|25P03|25P04)$/;

export const mayRunAgain = (error: unknown): boolean => {
  const state = sqlState(error);
  return state !== undefined && (AGAIN.has(state) || planChanged(error));
};

/** A table has changed under a statement that is kept prepared: another version of the service has migrated it. */
export const planChanged = (error: unknown): boolean =>
  sqlState(error) === '0A000' && (error as Error).message.includes('cached plan must not change result type');

/** Whether the server itself has refused for certain, so that nothing of the transaction is left. */
export const refused = (error: unknown): boolean => {
  const state = sqlState(error);
  return state !== undefined && !ENDED.test(state) && !state.startsWith('XX');
};

/** Whether the server has ended the session with this error. */
export const sessionEnded = (error: unknown): boolean => ENDED.test(sqlState(error) ?? '');

/** What the server says when a statement changes no row that has to change one: a key that is there, a division by nought. */
const NOTHING_CHANGED = new Set(['23505', '22012']);
export const nothingChanged = (error: unknown): boolean => NOTHING_CHANGED.has(sqlState(error) ?? '');
export const readOnly = (error: unknown): boolean => sqlState(error) === '25006';
export const tooManyConnections = (error: unknown): boolean => sqlState(error) === '53300';
const NO_WAY = new Set(['ECONNREFUSED', 'ECONNRESET', 'EPIPE', 'ETIMEDOUT']);
/** What the driver says without a code when nobody answers in time, or the connection ends before it is one. */
const NO_ANSWER = /timeout expired|Connection terminated/;

/** The server is there soon: it starts, has no place for us yet, or the way to it is interrupted. */
export const comingUp = (error: unknown): boolean => {
  const state = sqlState(error);
  if (state !== undefined) return state === '57P03' || state === '53300';
  const { code, message = '' } = error as { code?: string; message?: string };
  return code === undefined ? NO_ANSWER.test(message) : NO_WAY.has(code);
};

/** What the server said, in our words: what passes by itself becomes StoreUnavailable, the rest passes as it is. */
export function translated(error: unknown, service: string): unknown {
  const state = sqlState(error);
  if (state === undefined || !(UNAVAILABLE.test(state) || TOO_LONG.has(state))) return error;
  return unavailable(service, (error as Error).message, error);
}

/** Nothing was written. */
export const unavailable = (service: string, why: string, cause?: unknown): RametError =>
  new RametError('StoreUnavailable', `The store of '${service}' is not available (${why})`, { cause, retryAfterMs: 1_000 });

export const closed = (service: string): RametError => new RametError('StoreUnavailable', `The store of '${service}' is closed`);
