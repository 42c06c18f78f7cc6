const NOTICE = Symbol.for('ramet.unawaited');
const GUARD = Symbol.for('ramet.unawaited.guard');

interface Noted {
  readonly [NOTICE]?: () => void;
}

/**
 * Marks the error of a promise that the framework gave to code which may leave it unawaited. When no code handles the rejection,
 * `notice` is called, and the process continues: the failure has been accounted for elsewhere. A mark that is there already stays.
 * @returns the same error
 */
export function whenUnawaited<E>(error: E, notice: () => void): E {
  if (typeof error === 'object' && error !== null && Object.isExtensible(error) && !(NOTICE in error))
    Object.defineProperty(error, NOTICE, { value: notice });
  return error;
}

/** Whether a rejection that no code handles is of {@link whenUnawaited}, so that it is no reason to end the process. */
export const isNoted = (error: unknown): boolean => typeof error === 'object' && error !== null && NOTICE in error;

/** An error stands for another one that is marked: that one is its `cause`, or is among the errors of a `Promise.any`. */
const markedIn = (error: unknown): unknown => {
  if (isNoted(error) || !(error instanceof Error)) return error;
  return error instanceof AggregateError ? (error.errors as unknown[]).find(isNoted) : error.cause;
};

/** A listener for rejections that no code handles. */
export type RejectionListener = (reason: unknown, promise: Promise<unknown>) => void;

/** Marks a listener that calls {@link noticeUnawaited}: a process needs one. */
export const asGuard = <L extends RejectionListener>(listener: L): L => Object.assign(listener, { [GUARD]: true });
export const isGuard = (listener: object): boolean => GUARD in listener;

/** Calls the notice of an error whose rejection no code has handled, or of the one that it stands for. @returns whether it had one */
export function noticeUnawaited(error: unknown): boolean {
  const marked = markedIn(error);
  if (!isNoted(marked)) return false;
  (marked as Noted)[NOTICE]?.();
  return true;
}
