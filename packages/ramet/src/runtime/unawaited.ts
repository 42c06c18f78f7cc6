import { asGuard, isGuard, noticeUnawaited } from '../errors/index.ts';

/**
 * Keeps the process alive when a promise that the framework gave to a handler is rejected and no code awaits it: the failure is reported
 * with the handler's name, and has failed what it belongs to. Any other rejection ends the process as it does without this guard.
 * It is one for the process, and stays: what was left unawaited may fail after everything has stopped.
 */
export function guardUnawaited(): void {
  if (process.listeners('unhandledRejection').some(isGuard)) return;
  const guard = (reason: unknown) => {
    if (noticeUnawaited(reason)) return;
    // Node ends a process only where no code listens, and now this code does.
    if (process.listenerCount('unhandledRejection') === 1) throw reason;
  };
  process.on('unhandledRejection', asGuard(guard));
}
