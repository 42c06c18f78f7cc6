import type { Platform } from '../../platform/index.ts';
import { createRateLimiter, type Rate, type RateDecision } from './rate-limit.ts';

/** Where the counts of limits are kept: in this process, or in a store that all replicas of a gateway share. */
export interface LimitStore {
  readonly capabilities: LimitStoreCapabilities;
  /**
   * What counts one limit. Who asks for the same bucket at the same rate, in whatever process, counts on.
   * @param bucket what is counted together, such as `web/client`
   */
  counter(bucket: string, rate: Rate): LimitCounter;
  /** Counts nothing any more; whoever still waits gets an error. */
  close(): Promise<void>;
}

export interface LimitCounter {
  /**
   * Counts one request of `key`, unless it is refused: refused requests cost nothing. The time that counts is the store's own.
   * Rejects when the store cannot say.
   */
  take(key: string): RateDecision | Promise<RateDecision>;
}

export interface LimitStoreCapabilities {
  readonly name: string;
  /** Replicas count together. */
  readonly shared: boolean;
  /** Counts outlive the process. */
  readonly survivesRestart: boolean;
}

/** What a topology names: makes the store of limits of a process. */
export interface LimitStoreFactory {
  readonly capabilities: LimitStoreCapabilities;
  /** Does not wait for the store: it may be away now, and come. */
  create(environment: LimitStoreEnvironment): LimitStore;
}

export interface LimitStoreEnvironment {
  readonly platform: Platform;
  /** Told when the store goes away, once for each time. */
  readonly onError: (error: unknown, where: object) => void;
}

const IN_MEMORY: LimitStoreCapabilities = { name: 'memory', shared: false, survivesRestart: false };

/** Counts in the memory of this process: each replica by itself. What is used where no store is named. */
export function memoryStore(platform: Platform): LimitStore {
  const counters = new Map<string, LimitCounter>();
  return {
    capabilities: IN_MEMORY,
    counter(bucket, rate) {
      const name = `${rate.count}/${rate.windowMs} ${bucket}`;
      const counter = counters.get(name) ?? createRateLimiter(platform, rate);
      counters.set(name, counter);
      return counter;
    },
    async close() {},
  };
}
