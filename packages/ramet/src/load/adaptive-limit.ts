/** One overload causes one decrease, however many calls were late in it. */
const DECREASE_EVERY_MS = 100;
const DECREASE = 0.9;
const LIMIT_MAX = 10_000;

/**
 * A limit of the work under way that finds its own value. It falls by a share when there is too much work, and grows by steps
 * otherwise (additive increase, multiplicative decrease, as in Netflix' concurrency-limits). It begins so high that it limits nothing.
 */
export class AdaptiveLimit {
  readonly #min: number;
  #limit = LIMIT_MAX;
  #decreasedMono = Number.NEGATIVE_INFINITY;

  /** @param min the lowest value of the limit */
  constructor(min: number) {
    this.#min = min;
  }

  get value(): number {
    return this.#limit;
  }

  /**
   * Learns from the end of one of `under` calls.
   * @param late whether the answer was too late to be useful; undefined if the call says nothing about the load
   */
  settled(late: boolean | undefined, under: number, nowMono: number): void {
    if (late && nowMono - this.#decreasedMono >= DECREASE_EVERY_MS) {
      this.#decreasedMono = nowMono;
      this.shrink(under, DECREASE);
    } else if (late === false && under * 2 >= this.#limit) this.grow(1);
  }

  /** Falls to a share of the work under way. */
  shrink(under: number, share: number): void {
    this.#limit = Math.max(this.#min, Math.floor(Math.min(this.#limit, under) * share));
  }

  grow(by: number): void {
    this.#limit = Math.min(LIMIT_MAX, this.#limit + by);
  }
}
