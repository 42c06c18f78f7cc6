import { RametError } from '../../errors/index.ts';

interface SqliteError extends Error {
  errcode: number;
}

const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';

/** The codes of SQLite that make a store unavailable, and what an operator does about each: SQLITE_PERM, BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. */
const REMEDIES: ReadonlyMap<number, string> = new Map([
  [3, 'give this user write permission'],
  [5, 'look for another process that has locked this file'],
  [6, 'look for another process that has locked this file'],
  [8, 'give this user write permission'],
  [10, 'check the disk and its file system'],
  [13, 'free disk space'],
  [14, 'give this user permission to open the file'],
]);
/** After a failed fsync, the content of the disk is unknown (the kernel may drop the pages): the process must not continue. */
const FSYNC_FAILED = new Set([1034, 1290]);

/** Translates an error of SQLite: conditions of the disk become StoreUnavailable, other errors are unchanged. */
export function translated(error: unknown, service: string): unknown {
  if (!isSqliteError(error)) return error;
  const remedy = REMEDIES.get(error.errcode & 0xff);
  if (remedy === undefined) return error;
  return new RametError('StoreUnavailable', `The store of '${service}' does not accept writes (${error.message}): ${remedy}`, {
    cause: error,
    retryAfterMs: 1_000,
  });
}

/** Whether a read-only connection was asked to write: SQLITE_READONLY. */
export const readOnly = (error: unknown): boolean => isSqliteError(error) && (error.errcode & 0xff) === 8;

/** Whether another connection holds the lock: SQLITE_BUSY. */
export const locked = (error: unknown): boolean => isSqliteError(error) && (error.errcode & 0xff) === 5;

/** Whether an fsync has failed. */
export const fsyncFailed = (error: unknown): boolean => isSqliteError(error) && FSYNC_FAILED.has(error.errcode);

/** Makes the error of a closed store. */
export const closed = (service: string): RametError => new RametError('StoreUnavailable', `The store of '${service}' is closed`);
