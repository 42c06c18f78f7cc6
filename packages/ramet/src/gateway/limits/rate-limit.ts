import { type Duration, durationMs, type Platform } from '../../platform/index.ts';

/** A number of requests and the time in which they become available again, written as `'100/15m'`. */
export interface Rate {
  readonly count: number;
  readonly windowMs: number;
}

/** Whether a request is allowed, and what the client can know of its limit. */
export interface RateDecision {
  readonly allowed: boolean;
  readonly limit: number;
  /** How many more requests would be allowed now. */
  readonly remaining: number;
  /** The time until the whole limit is available again, if no more requests arrive. */
  readonly resetMs: number;
  /** The time after which one more request is allowed. 0 when this request was allowed. */
  readonly retryAfterMs: number;
}

/** Limits requests per key, in memory. */
export interface RateLimiter {
  /** Counts one request of `key`, unless it is refused: refused requests cost nothing, so a client that waits is allowed again. */
  take(key: string): RateDecision;
}

/**
 * Reads a rate such as `100/15m`.
 * @throws RangeError when the text is not a rate
 */
export function parseRate(text: string): Rate {
  const [count, window, more] = text.split('/');
  if (window === undefined || more !== undefined || !/^[1-9]\d{0,8}$/.test(count as string) || !/^\d+(\.\d+)?(ms|s|m|h|d)$/.test(window)) {
    throw new RangeError(`'${text}' is not a rate: write a number of requests, a slash and a duration, as in '100/15m'`);
  }
  const windowMs = durationMs(window as Duration);
  if (windowMs <= 0) throw new RangeError(`'${text}' is not a rate: its time must be longer than zero`);
  return { count: Number(count), windowMs };
}

/** What a key has used. It drains evenly, `count` in `windowMs`. Entries form a list, the longest unused first. */
interface Usage {
  readonly key: string;
  used: number;
  atMs: number;
  older: Usage;
  newer: Usage;
}

/** Far more than the rounding error of many additions, and far less than one request. */
export const TOLERANCE = 1e-6;
/** How many of the longest unused keys each new key checks: more than one, so that memory shrinks after a flood. */
const SWEPT_PER_KEY = 8;
/** Keys hold text from clients. Longer keys are stored as their hash, so that a few cannot fill the memory. */
const KEY_LENGTH_MAX = 200;

/**
 * Makes a limiter of requests per key, by GCRA (ITU-T I.371, as a leaky bucket, whose counting stays exact). The whole `count` is
 * allowed at once, and after that one request each `windowMs / count`. Time is monotonic, so that setting the clock does not give a
 * client a second allowance.
 *
 * At most `maxKeys` are remembered. Of the longest unused keys, those whose limit is whole again are forgotten first, then the oldest;
 * a forgotten key gets a new limit when it returns. A count-min sketch would keep what forgotten keys had used in shared cells. An
 * attacker who invents a hundred thousand keys gains little by being forgotten, but could fill those cells and lock out all others.
 * @param platform provides the monotonic clock, and the hash for long keys
 */
export function createRateLimiter(platform: Platform, rate: Rate, { maxKeys = 100_000 }: { readonly maxKeys?: number } = {}): RateLimiter {
  const { count, windowMs } = rate;
  const perMs = count / windowMs;
  const usages = new Map<string, Usage>();
  const list = emptyList();

  const drained = (used: number, atMs: number, nowMs: number) => Math.max(0, used - Math.max(0, nowMs - atMs) * perMs);

  function forget(usage: Usage): void {
    unlink(usage);
    usages.delete(usage.key);
  }

  function makeRoom(nowMs: number): void {
    let usage = list.newer;
    for (let i = 0; i < SWEPT_PER_KEY && usage !== list; i++) {
      const next = usage.newer;
      if (drained(usage.used, usage.atMs, nowMs) === 0) forget(usage);
      usage = next;
    }
    if (usages.size >= maxKeys && list.newer !== list) forget(list.newer);
  }

  function usageOf(text: string, nowMs: number): Usage {
    const key = text.length <= KEY_LENGTH_MAX ? text : platform.crypto.sha256(text);
    const known = usages.get(key);
    if (known) {
      unlink(known);
      linkNewest(list, known);
      return known;
    }
    makeRoom(nowMs);
    const usage: Usage = { key, used: 0, atMs: nowMs, older: list, newer: list };
    usages.set(key, usage);
    linkNewest(list, usage);
    return usage;
  }

  return {
    take(key) {
      const nowMs = platform.clock.monoNow();
      const usage = usageOf(key, nowMs);
      let used = drained(usage.used, usage.atMs, nowMs);
      const allowed = used + 1 <= count + TOLERANCE;
      if (allowed) {
        used += 1;
        usage.used = used;
        usage.atMs = nowMs;
      }
      return decisionOf(rate, used, allowed);
    },
  };
}

/** Makes the decision about one request. @param used how much of the limit is used after it */
export function decisionOf({ count, windowMs }: Rate, used: number, allowed: boolean): RateDecision {
  const perMs = count / windowMs;
  return {
    allowed,
    limit: count,
    remaining: Math.max(0, Math.floor(count - used + TOLERANCE)),
    resetMs: Math.ceil(used / perMs),
    retryAfterMs: allowed ? 0 : Math.ceil((used + 1 - count) / perMs),
  };
}

/** Makes a ring whose head lies between the newest and the oldest entry, so that the oldest is the head's `newer`. */
function emptyList(): Usage {
  const head = { key: '', used: 0, atMs: 0 } as Usage;
  head.older = head;
  head.newer = head;
  return head;
}

function unlink(usage: Usage): void {
  usage.older.newer = usage.newer;
  usage.newer.older = usage.older;
}

function linkNewest(head: Usage, usage: Usage): void {
  usage.older = head.older;
  usage.newer = head;
  head.older.newer = usage;
  head.older = usage;
}
