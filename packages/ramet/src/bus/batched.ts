import type { Platform } from '../platform/index.ts';

/**
 * Lets those who ask for the same in the same turn of the event loop be answered by one request, which leaves when all of
 * them have asked: nobody gets an answer that is older than his question.
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
