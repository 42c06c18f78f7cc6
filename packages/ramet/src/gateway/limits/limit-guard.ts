import { RametError } from '../../errors/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import type { EventLog } from '../../telemetry/index.ts';
import type { LimitCounter } from './limit-store.ts';
import type { RateDecision } from './rate-limit.ts';

/** What happens to a request when the store of limits cannot count it. */
export type StoreFailure = 'failOpen' | 'failClosed';

/** The longest time that a request waits for the store of limits. */
export const STORE_WAIT_MS = 50;
/** After so many failures in a row the store counts as unavailable: one request a second then tries whether it is back. */
const FAILURES_UNTIL_UNAVAILABLE = 3;
const RETRY_MS = SECOND;

/**
 * Protects a gateway from a store of limits that becomes unavailable. A request waits for the store for {@link STORE_WAIT_MS} at most;
 * while the store is unavailable, almost no request waits. Each limit then decides: `failOpen` counts in this replica alone, so that
 * a client gets at most the limit times the number of replicas; `failClosed` refuses.
 */
export class LimitGuard {
  readonly #platform: Platform;
  readonly #log: EventLog;
  readonly #onDecided: (answer: StoreFailure) => void;
  #failures = 0;
  #unavailableSinceMono: number | undefined;
  #retryMono = Number.NEGATIVE_INFINITY;

  /** @param onDecided called for each request whose limit was decided without the store */
  constructor(platform: Platform, log: EventLog, onDecided: (answer: StoreFailure) => void) {
    this.#platform = platform;
    this.#log = log;
    this.#onDecided = onDecided;
  }

  /**
   * Counts one request.
   * @param local counts when `shared` cannot
   * @throws RametError LimitsUnavailable where the limit fails closed
   */
  async take(shared: LimitCounter, local: LimitCounter, key: string, failure: StoreFailure): Promise<RateDecision> {
    const nowMono = this.#platform.clock.monoNow();
    if (nowMono < this.#retryMono) return this.#without(local, key, failure);
    // One request tries an unavailable store for all: the others do not wait for it.
    if (this.#unavailableSinceMono !== undefined) this.#retryMono = nowMono + RETRY_MS;
    try {
      const decision = await this.#inTime(shared, key);
      this.#works();
      return decision;
    } catch (error) {
      this.#fails(error);
      return this.#without(local, key, failure);
    }
  }

  #inTime(shared: LimitCounter, key: string): Promise<RateDecision> {
    return new Promise((resolve, reject) => {
      const timer = this.#platform.timers.set(STORE_WAIT_MS, () =>
        reject(new RametError('LimitsUnavailable', `The store of limits did not answer within ${STORE_WAIT_MS} ms`)),
      );
      Promise.resolve()
        .then(() => shared.take(key))
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #works(): void {
    this.#failures = 0;
    this.#retryMono = Number.NEGATIVE_INFINITY;
    if (this.#unavailableSinceMono === undefined) return;
    this.#log.event('limits_recovered', { awayMs: Math.round(this.#platform.clock.monoNow() - this.#unavailableSinceMono) });
    this.#unavailableSinceMono = undefined;
  }

  #fails(error: unknown): void {
    this.#failures++;
    if (this.#failures < FAILURES_UNTIL_UNAVAILABLE) return;
    const nowMono = this.#platform.clock.monoNow();
    this.#retryMono = nowMono + RETRY_MS;
    if (this.#unavailableSinceMono !== undefined) return;
    this.#unavailableSinceMono = nowMono;
    this.#log.event('limits_unavailable', { err: error, alarm: true });
  }

  #without(local: LimitCounter, key: string, failure: StoreFailure): RateDecision | Promise<RateDecision> {
    this.#onDecided(failure);
    if (failure === 'failOpen') return local.take(key);
    throw new RametError('LimitsUnavailable', 'The store of limits is unavailable', { retryAfterMs: RETRY_MS });
  }
}
