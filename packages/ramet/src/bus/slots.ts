import type { Store } from '../store/index.ts';

/** How many transactions of one group are open at once: what a service does for callers needs connections too. */
const SLOTS = 2;

/**
 * The store as a group uses it. Where each transaction takes a connection, a group that has much to catch up shall not take
 * all of them: it waits here, and with its turn comes first whoever came first. A store that lets transactions share a
 * commit takes them all.
 */
export function sparing(store: Store): Store {
  if (store.capabilities.sharedCommits > 1) return store;
  const waiting: (() => void)[] = [];
  let free = SLOTS;
  const turn = (): Promise<void> | undefined => {
    if (free > 0) {
      free--;
      return undefined;
    }
    return new Promise((resolve) => {
      waiting.push(resolve);
    });
  };
  const done = () => {
    const next = waiting.shift();
    if (next) next();
    else free++;
  };
  return {
    ...store,
    async write(work, options) {
      const wait = turn();
      if (wait) await wait;
      try {
        return await store.write(work, options);
      } finally {
        done();
      }
    },
  };
}
