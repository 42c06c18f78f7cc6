import { RametError } from '../../errors/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import type { EventLog } from '../../telemetry/index.ts';
import type { LimitCounter } from './limit-store.ts';
import type { RateDecision } from './rate-limit.ts';

/** What becomes of a request whose limit the store cannot tell. */
export type StoreFailure = 'failOpen' | 'failClosed';

/** A request waits no longer for the store of limits than this. */
export const STORE_WAIT_MS = 50;
/** So many failures in a row are no accident: from then on one request a second asks whether the store is back. */
const FAILURES_UNTIL_AWAY = 3;
const ASK_AGAIN_MS = SECOND;

/**
 * Stands between a gateway and a store of limits that may go away. No request waits longer than {@link STORE_WAIT_MS} for it; while
 * it is away next to none waits at all. What then happens each limit declares: `failOpen` counts in this replica alone, so that
 * nobody gets more than the limit times the replicas; `failClosed` refuses.
 */
export class LimitGuard {
  readonly #platform: Platform;
  readonly #log: EventLog;
  readonly #told: (answer: StoreFailure) => void;
  #failures = 0;
  #awaySinceMono: number | undefined;
  #askAgainMono = Number.NEGATIVE_INFINITY;

  /** @param told of each request whose limit was decided without the store */
  constructor(platform: Platform, log: EventLog, told: (answer: StoreFailure) => void) {
    this.#platform = platform;
    this.#log = log;
    this.#told = told;
  }

  /**
   * @param local counts when `shared` cannot
   * @throws RametError LimitsUnavailable where the limit fails closed
   */
  async take(shared: LimitCounter, local: LimitCounter, key: string, failure: StoreFailure): Promise<RateDecision> {
    const nowMono = this.#platform.clock.monoNow();
    if (nowMono < this.#askAgainMono) return this.#without(local, key, failure);
    // Whoever asks a store that is away asks for all: the others do not wait with him.
    if (this.#awaySinceMono !== undefined) this.#askAgainMono = nowMono + ASK_AGAIN_MS;
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
        reject(new RametError('LimitsUnavailable', `no answer in ${STORE_WAIT_MS} ms`)),
      );
      Promise.resolve()
        .then(() => shared.take(key))
        .then(resolve, reject)
        .finally(() => timer.cancel());
    });
  }

  #works(): void {
    this.#failures = 0;
    this.#askAgainMono = Number.NEGATIVE_INFINITY;
    if (this.#awaySinceMono === undefined) return;
    this.#log.event('limits_recovered', { awayMs: Math.round(this.#platform.clock.monoNow() - this.#awaySinceMono) });
    this.#awaySinceMono = undefined;
  }

  #fails(error: unknown): void {
    this.#failures++;
    if (this.#failures < FAILURES_UNTIL_AWAY) return;
    const nowMono = this.#platform.clock.monoNow();
    this.#askAgainMono = nowMono + ASK_AGAIN_MS;
    if (this.#awaySinceMono !== undefined) return;
    this.#awaySinceMono = nowMono;
    this.#log.event('limits_unavailable', { err: error, alarm: true });
  }

  #without(local: LimitCounter, key: string, failure: StoreFailure): RateDecision | Promise<RateDecision> {
    this.#told(failure);
    if (failure === 'failOpen') return local.take(key);
    throw new RametError('LimitsUnavailable', 'the store of limits is away', { retryAfterMs: ASK_AGAIN_MS });
  }
}
