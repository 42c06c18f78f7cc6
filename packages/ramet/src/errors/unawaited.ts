const NOTICE = Symbol.for('ramet.unawaited');
const GUARD = Symbol.for('ramet.unawaited.guard');

interface Noted {
  readonly [NOTICE]?: () => void;
}

/**
 * Marks the error of a promise that user code may leave unawaited. When no code handles the rejection, `notice` is called and the
 * process continues: the failure is accounted for elsewhere. An error that is already marked keeps its mark.
 * @returns the same error
 */
export function whenUnawaited<E>(error: E, notice: () => void): E {
  if (typeof error === 'object' && error !== null && Object.isExtensible(error) && !(NOTICE in error))
    Object.defineProperty(error, NOTICE, { value: notice });
  return error;
}

/** Whether an unhandled rejection was marked by {@link whenUnawaited}, so that it does not end the process. */
export const isNoted = (error: unknown): boolean => typeof error === 'object' && error !== null && NOTICE in error;

/** An error can stand for a marked one: that one is its `cause`, or is among the errors of a `Promise.any`. */
const markedIn = (error: unknown): unknown => {
  if (isNoted(error) || !(error instanceof Error)) return error;
  return error instanceof AggregateError ? (error.errors as unknown[]).find(isNoted) : error.cause;
};

/** A listener for rejections that no code handles. */
export type RejectionListener = (reason: unknown, promise: Promise<unknown>) => void;

/** Marks a listener that calls {@link noticeUnawaited}: a process needs one. */
export const asGuard = <L extends RejectionListener>(listener: L): L => Object.assign(listener, { [GUARD]: true });
/** Whether a listener was marked by {@link asGuard}. */
export const isGuard = (listener: object): boolean => GUARD in listener;

/** Calls the notice of an error whose rejection no code has handled, or of the error that it stands for. @returns whether there was one */
export function noticeUnawaited(error: unknown): boolean {
  const marked = markedIn(error);
  if (!isNoted(marked)) return false;
  (marked as Noted)[NOTICE]?.();
  return true;
}
