import { AsyncLocalStorage } from 'node:async_hooks';
import { asGuard, noticeUnawaited } from '../errors/index.ts';
import { running } from './scheduler.ts';

/** The run that code belongs to: all its processes, the scenario, and the invariants. */
const within = new AsyncLocalStorage<object>();

/**
 * Keeps the unhandled rejections of a run to that run while `work` lasts. A test runner (and Node itself) takes each one as a failure of
 * the test that happens to run; but a process that was killed leaves promises behind, and what they reject with is lost with it, as
 * it would be after kill -9. Rejections of code outside the run go to the listeners that were there before.
 * @param tell gets what a living process or the scenario left unhandled
 */
export async function ownRejections<T>(tell: (reason: unknown) => void, work: () => Promise<T>): Promise<T> {
  const run = {};
  const others = process.rawListeners('unhandledRejection');
  const hear = asGuard((reason: unknown, promise: Promise<unknown>): void => {
    // Node calls its listeners in the context of the promise.
    if (within.getStore() === run) {
      // It is reported, and has failed the call that it belongs to.
      if (noticeUnawaited(reason)) return;
      if (running.getStore()?.alive !== false) tell(reason);
      return;
    }
    // As Node does it when there is no listener.
    if (others.length === 0) throw reason;
    for (const other of others) Reflect.apply(other, process, [reason, promise]);
  });
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', hear);
  try {
    return await within.run(run, work);
  } finally {
    process.off('unhandledRejection', hear);
    for (const other of others) process.on('unhandledRejection', other as NodeJS.UnhandledRejectionListener);
  }
}
