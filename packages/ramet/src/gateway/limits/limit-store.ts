import type { Platform } from '../../platform/index.ts';
import { createRateLimiter, type Rate, type RateDecision } from './rate-limit.ts';

/** Keeps the counts of limits: in the memory of a process, or in a store that all replicas of a gateway share. */
export interface LimitStore {
  readonly capabilities: LimitStoreCapabilities;
  /**
   * Makes the counter of one limit. Counters of the same bucket and rate count together, in whatever process they are.
   * @param bucket names the requests that count together, such as `web/client`
   */
  counter(bucket: string, rate: Rate): LimitCounter;
  /** Stops counting. A count that is still waiting fails. */
  close(): Promise<void>;
}

/** Counts the requests of one limit, by key. */
export interface LimitCounter {
  /**
   * Counts one request of `key`, unless it is refused: refused requests cost nothing. Time is measured by the clock of the store.
   * Rejects when the store cannot count.
   */
  take(key: string): RateDecision | Promise<RateDecision>;
}

/** What a store of limits is able to do, as data. */
export interface LimitStoreCapabilities {
  readonly name: string;
  /** Replicas count together. */
  readonly shared: boolean;
  /** Counts outlive the process. */
  readonly survivesRestart: boolean;
}

/** Makes the store of limits of a process. A topology names one. */
export interface LimitStoreFactory {
  readonly capabilities: LimitStoreCapabilities;
  /** Makes the store without waiting for its server, which may be unavailable during boot. */
  create(environment: LimitStoreEnvironment): LimitStore;
}

/** What a store of limits needs from its process. */
export interface LimitStoreEnvironment {
  readonly platform: Platform;
  /** Called once each time that the store becomes unavailable. */
  readonly onError: (error: unknown, where: object) => void;
}

const capabilities: LimitStoreCapabilities = { name: 'memory', shared: false, survivesRestart: false };

/** Makes the default store of limits, which counts in the memory of this process: each replica counts alone. */
export function memoryStore(platform: Platform): LimitStore {
  const counters = new Map<string, LimitCounter>();
  return {
    capabilities,
    counter(bucket, rate) {
      const name = `${rate.count}/${rate.windowMs} ${bucket}`;
      const counter = counters.get(name) ?? createRateLimiter(platform, rate);
      counters.set(name, counter);
      return counter;
    },
    async close() {},
  };
}
