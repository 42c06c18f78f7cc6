import type { Store } from './store.ts';

/**
 * Makes a view of a store for background work: at most `atOnce` of its transactions run at once, and others wait before they take a
 * connection. Without it, a consumer that catches up with a thousand events would take every connection from callers that wait for an
 * answer. Where transactions share commits, no limit is needed.
 */
export function inTurns(
  store: Store,
  atOnce = Math.max(1, Math.floor((store.capabilities.concurrent ?? Number.POSITIVE_INFINITY) / 2)),
): Store {
  if (!Number.isFinite(atOnce)) return store;
  const waiting: (() => void)[] = [];
  let running = 0;
  const enter = (): Promise<void> | undefined => {
    if (running < atOnce) {
      running++;
      return undefined;
    }
    return new Promise((resolve) => waiting.push(resolve));
  };
  const leave = () => {
    const next = waiting.shift();
    if (next) next();
    else running--;
  };
  return {
    ...store,
    get reader() {
      return store.reader;
    },
    async write(work, options) {
      await enter();
      try {
        return await store.write(work, options);
      } finally {
        leave();
      }
    },
  };
}
