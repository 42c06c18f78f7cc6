import { AsyncLocalStorage } from 'node:async_hooks';
import { asGuard, noticeUnawaited } from '../errors/index.ts';
import { running } from './scheduler.ts';

/** Where a run wants to hear of what its code does wrong. */
export interface RunContext {
  /** Called with what a living process or the scenario leaves unhandled. */
  readonly onRejection: (reason: unknown) => void;
  /** Called when a process reaches the real world; a run without it leaves its processes unguarded. */
  readonly onEscape?: (what: string) => void;
}

/** The run that code belongs to: all its processes, the scenario and the invariants. */
const within = new AsyncLocalStorage<RunContext>();

/** Returns the run that the caller belongs to. */
export const currentRun = (): RunContext | undefined => within.getStore();

type Listener = NodeJS.UnhandledRejectionListener;

/** Node has one list of listeners for all runs that are under way at once: the first run changes it, and the last one restores it. */
const shared = { runs: 0, others: [] as Listener[] };

const listener = asGuard((reason: unknown, promise: Promise<unknown>): void => {
  // Node calls its listeners in the context of the promise.
  const run = within.getStore();
  if (run) {
    // It is reported, and has failed the call that it belongs to.
    if (noticeUnawaited(reason)) return;
    if (running.getStore()?.alive !== false) run.onRejection(reason);
    return;
  }
  // As Node does it when there is no listener.
  if (shared.others.length === 0) throw reason;
  for (const other of shared.others) Reflect.apply(other, process, [reason, promise]);
});

/**
 * Runs `work` as a run of its own, and keeps its unhandled rejections to it. A test runner (and Node itself) takes each one as a failure
 * of the test that happens to run; but a process that was killed leaves promises behind, and what they reject with is lost with it, as
 * it would be after kill -9. Rejections of code outside any run go to the listeners that were there before.
 */
export async function asRun<T>(run: RunContext, work: () => Promise<T>): Promise<T> {
  if (shared.runs++ === 0) {
    shared.others = process.rawListeners('unhandledRejection') as Listener[];
    process.removeAllListeners('unhandledRejection');
    process.on('unhandledRejection', listener);
  }
  try {
    return await within.run(run, work);
  } finally {
    if (--shared.runs === 0) {
      process.off('unhandledRejection', listener);
      for (const other of shared.others) process.on('unhandledRejection', other);
    }
  }
}
