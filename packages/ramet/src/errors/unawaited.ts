const NOTICE = Symbol.for('ramet.unawaited');
const GUARD = Symbol.for('ramet.unawaited.guard');

interface Noted {
  readonly [NOTICE]?: () => void;
}

/**
 * Marks the error of a promise that the framework gave to code which may leave it unawaited. When no code handles the rejection,
 * `notice` is called, and the process goes on: the failure has been accounted for elsewhere. A mark that is there already stays.
 * @returns the same error
 */
export function whenUnawaited<E>(error: E, notice: () => void): E {
  if (typeof error === 'object' && error !== null && Object.isExtensible(error) && !(NOTICE in error))
    Object.defineProperty(error, NOTICE, { value: notice });
  return error;
}

/** Whether a rejection that no code handles is of {@link whenUnawaited}, so that it is no reason to end the process. */
export const isNoted = (error: unknown): boolean => typeof error === 'object' && error !== null && NOTICE in error;

/** A listener for rejections that no code handles. */
export type RejectionListener = (reason: unknown, promise: Promise<unknown>) => void;

/** Marks a listener that calls {@link noticeUnawaited}: a process needs one. */
export const asGuard = <L extends RejectionListener>(listener: L): L => Object.assign(listener, { [GUARD]: true });
export const isGuard = (listener: object): boolean => GUARD in listener;

/** Calls the notice of an error whose rejection no code has handled. @returns whether it had one */
export function noticeUnawaited(error: unknown): boolean {
  if (!isNoted(error)) return false;
  (error as Noted)[NOTICE]?.();
  return true;
}
