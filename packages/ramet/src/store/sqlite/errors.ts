import { RametError } from '../../errors/index.ts';

interface SqliteError extends Error {
  errcode: number;
}

const isSqliteError = (error: unknown): error is SqliteError =>
  error instanceof Error && 'errcode' in error && typeof error.errcode === 'number';

/** What makes a store unavailable, by SQLite's code, and what a person does about it: SQLITE_PERM, BUSY, LOCKED, READONLY, IOERR, FULL, CANTOPEN. */
const REMEDIES: ReadonlyMap<number, string> = new Map([
  [3, 'give this user write permission'],
  [5, 'look for another process that holds this file locked'],
  [6, 'look for another process that holds this file locked'],
  [8, 'give this user write permission'],
  [10, 'look at the disk and its file system'],
  [13, 'free disk space'],
  [14, 'give this user permission to open the file'],
]);
/** After a failed fsync nobody knows what is on the disk (the kernel may drop the pages): going on would be a lie. */
const FSYNC_FAILED = new Set([1034, 1290]);

/** What SQLite said, in our words: conditions of the disk become StoreUnavailable, the rest passes as it is. */
export function translated(error: unknown, service: string): unknown {
  if (!isSqliteError(error)) return error;
  const remedy = REMEDIES.get(error.errcode & 0xff);
  if (remedy === undefined) return error;
  return new RametError('StoreUnavailable', `The store of '${service}' does not accept writes (${error.message}): ${remedy}`, {
    cause: error,
    retryAfterMs: 1_000,
  });
}

/** A write on a connection that reads: SQLITE_READONLY. */
export const readOnly = (error: unknown): boolean => isSqliteError(error) && (error.errcode & 0xff) === 8;

/** Another connection holds the lock: SQLITE_BUSY. */
export const locked = (error: unknown): boolean => isSqliteError(error) && (error.errcode & 0xff) === 5;

export const fsyncFailed = (error: unknown): boolean => isSqliteError(error) && FSYNC_FAILED.has(error.errcode);

export const closed = (service: string): RametError => new RametError('StoreUnavailable', `The store of '${service}' is closed`);
