/** One overload is one decrease, however many calls were late in it. */
const DECREASE_EVERY_MS = 100;
const DECREASE = 0.9;
const LIMIT_MAX = 10_000;

/**
 * A limit of what is under way that finds its value: it falls by a share when there is too much and grows by steps while there is not
 * (additive increase, multiplicative decrease, as in Netflix' concurrency-limits). It begins where it limits nothing.
 */
export class AdaptiveLimit {
  readonly #min: number;
  #limit = LIMIT_MAX;
  #decreasedMono = Number.NEGATIVE_INFINITY;

  /** @param min it never falls below */
  constructor(min: number) {
    this.#min = min;
  }

  get value(): number {
    return this.#limit;
  }

  /**
   * Takes in how one of `under` calls ended.
   * @param late the answer came too late to be of use. Undefined where the call says nothing of the load
   */
  settled(late: boolean | undefined, under: number, nowMono: number): void {
    if (late && nowMono - this.#decreasedMono >= DECREASE_EVERY_MS) {
      this.#decreasedMono = nowMono;
      this.shrink(under, DECREASE);
    } else if (late === false && under * 2 >= this.#limit) this.grow(1);
  }

  /** Falls to a share of what was under way. */
  shrink(under: number, share: number): void {
    this.#limit = Math.max(this.#min, Math.floor(Math.min(this.#limit, under) * share));
  }

  grow(by: number): void {
    this.#limit = Math.min(LIMIT_MAX, this.#limit + by);
  }
}
