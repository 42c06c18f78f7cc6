import { SECOND } from '../../platform/index.ts';
import { SlidingCount } from './sliding-count.ts';

/** What a first attempt brings in: one retry for five calls. */
const DEPOSIT = 0.2;
/** How long a token is good for. */
const TTL_S = 10;
/** What is there without any deposit: ten a second. */
const FLOOR = 10 * TTL_S;

/**
 * How often one caller may repeat itself towards one target: a fifth of its first attempts of the last ten seconds, and ten a
 * second besides. Retries that cost the target more than that keep an overload alive that has lost its cause. As the retry
 * budget of Finagle, with its figures; counted so that at the moment of every retry the ten seconds that end with it hold no
 * more retries than that.
 */
export class RetryBudget {
  // The present second counts as a whole: first attempts are rather forgotten too early, and retries too late.
  readonly #firsts = new SlidingCount(TTL_S, SECOND);
  readonly #retries = new SlidingCount(TTL_S + 1, SECOND);

  /** A first attempt is made. */
  deposit(nowMono: number): void {
    this.#firsts.add(nowMono);
  }

  /** Takes the token that a retry needs. @returns false when there is none: then there is no retry */
  withdraw(nowMono: number): boolean {
    if (this.#retries.sum(nowMono) + 1 > DEPOSIT * this.#firsts.sum(nowMono) + FLOOR) return false;
    this.#retries.add(nowMono);
    return true;
  }
}
