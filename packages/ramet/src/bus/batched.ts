import type { Platform } from '../platform/index.ts';

/**
 * Answers all calls of one turn of the event loop with one request, which is sent at the end of the turn. No caller gets an
 * answer that is older than its call.
 */
export function batched<T>(platform: Platform, load: () => Promise<T>): () => Promise<T> {
  let next: Promise<T> | undefined;
  return () => {
    next ??= platform.timers.yield().then(() => {
      next = undefined;
      return load();
    });
    return next;
  };
}
