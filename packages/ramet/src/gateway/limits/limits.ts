import { RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import type { EventLog, Instrument } from '../../telemetry/index.ts';
import type { Limit } from '../gateway.ts';
import { rateLimitHeaders } from '../request/headers.ts';
import { LimitGuard } from './limit-guard.ts';
import { type LimitCounter, type LimitStore, memoryStore } from './limit-store.ts';
import { parseRate, type RateDecision } from './rate-limit.ts';

/**
 * What a limit counts: all requests of a client, its failed authentications, its requests without a route, its requests of one route,
 * or those with one value of a field.
 */
export type LimitKind = 'client' | 'failures' | 'unknown' | 'route' | 'field';

/** The limits of one gateway. */
export interface Limits {
  /**
   * Counts one request. Returns without a promise where the counts are in memory.
   * @param headers receive the headers that tell the client its limit
   * @throws (or rejects with) RametError TooManyRequests, or LimitsUnavailable where the store cannot count and the limit fails closed
   */
  take(limit: Limit, kind: LimitKind, key: string, headers?: Record<string, string>): void | Promise<void>;
}

/** What the limits of a gateway need. */
export interface LimitsEnvironment {
  readonly platform: Platform;
  readonly log: EventLog;
  /** The store that counts (default: the memory of this process). */
  readonly limits?: LimitStore;
  /** Notes each request whose limit was decided without the store. */
  readonly instrument?: Instrument;
}

/** Makes the limits of a gateway. @param gateway its name: gateways that share a store count apart */
export function createLimits({ platform, log, limits: store, instrument }: LimitsEnvironment, gateway: string): Limits {
  const memory = memoryStore(platform);
  const guard =
    store &&
    new LimitGuard(platform, log.child({ gateway, limits: store.capabilities.name }), (answer) =>
      instrument?.note?.({ what: 'limit uncounted', gateway, answer }),
    );
  // One map for each kind: every replica must give a bucket the same name, in whatever order requests arrive.
  const counters: Record<LimitKind, Map<Limit, LimitCounter>> = {
    client: new Map(),
    failures: new Map(),
    unknown: new Map(),
    route: new Map(),
    field: new Map(),
  };

  function counterOf(limit: Limit, kind: LimitKind): LimitCounter {
    const known = counters[kind].get(limit);
    if (known) return known;
    const rate = parseRate(limit.rate);
    const bucket = `${gateway}/${kind}`;
    let counter = memory.counter(bucket, rate);
    if (store && guard) {
      const [shared, local] = [store.counter(bucket, rate), counter];
      counter = { take: (key) => guard.take(shared, local, key, limit.storeFailure ?? 'failOpen') };
    }
    counters[kind].set(limit, counter);
    return counter;
  }

  return {
    take(limit, kind, key, headers = {}) {
      const decision = counterOf(limit, kind).take(key);
      return decision instanceof Promise ? decision.then((decided) => answer(decided, headers)) : answer(decision, headers);
    },
  };
}

function answer(decision: RateDecision, headers: Record<string, string>): void {
  Object.assign(headers, rateLimitHeaders(decision));
  if (!decision.allowed) throw new RametError('TooManyRequests', undefined, { retryAfterMs: decision.retryAfterMs });
}
