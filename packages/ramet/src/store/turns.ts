import type { Store } from './store.ts';

/**
 * The same store for work in the background: at most `atOnce` of its transactions run side by side, the others wait their turn
 * before they ask for a connection. Whoever catches up with a thousand events would otherwise take every connection from those
 * who wait for an answer. Where transactions share commits there is nothing to share out.
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
