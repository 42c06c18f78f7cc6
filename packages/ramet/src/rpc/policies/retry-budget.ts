import { SECOND } from '../../platform/index.ts';
import { SlidingCount } from './sliding-count.ts';

/** What a first attempt earns: one retry for five calls. */
const DEPOSIT = 0.2;
/** How long a token is valid. */
const TTL_S = 10;
/** The tokens without any deposit: ten per second. */
const FLOOR = 10 * TTL_S;

/**
 * Limits the retries of one caller to one target: a fifth of its first attempts of the last ten seconds, plus ten per second.
 * More retries than that would keep an overload alive after its cause has gone. The figures are those of the retry budget of
 * Finagle. At every retry, the ten seconds that end with it hold no more retries than the limit.
 */
export class RetryBudget {
  // The present second counts as a whole, so first attempts expire too early rather than too late, and retries the reverse.
  readonly #firsts = new SlidingCount(TTL_S, SECOND);
  readonly #retries = new SlidingCount(TTL_S + 1, SECOND);

  /** Notes a first attempt. */
  deposit(nowMono: number): void {
    this.#firsts.add(nowMono);
  }

  /** Takes the token that a retry needs. @returns false when there is none, so the retry must not be made */
  withdraw(nowMono: number): boolean {
    if (this.#retries.sum(nowMono) + 1 > DEPOSIT * this.#firsts.sum(nowMono) + FLOOR) return false;
    this.#retries.add(nowMono);
    return true;
  }
}
