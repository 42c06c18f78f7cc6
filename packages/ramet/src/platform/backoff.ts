import type { Platform } from './platform.ts';

/** The pauses between attempts: the first one, and the longest one. */
export interface Backoff {
  readonly baseMs: number;
  readonly capMs: number;
}

/**
 * Says how long to wait before attempt `attempt + 1`: full jitter, uniform between zero and the exponential cap, so that
 * callers that failed together do not return together (AWS Architecture Blog, "Exponential Backoff And Jitter").
 * @param attempt how many attempts have failed, from 1
 */
export function backoffMs(platform: Platform, { baseMs, capMs }: Backoff, attempt: number): number {
  return platform.random.next() * Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30));
}

/** As {@link backoffMs}, but never less than half of the exponential value: for retries that must leave time to recover. */
export function steadyBackoffMs(platform: Platform, { baseMs, capMs }: Backoff, attempt: number): number {
  const wholeMs = Math.min(capMs, baseMs * 2 ** Math.min(attempt - 1, 30));
  return wholeMs / 2 + (platform.random.next() * wholeMs) / 2;
}
