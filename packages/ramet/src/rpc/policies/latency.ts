const KEPT = 64;
/** The median is computed again after so many further answers. */
const STALE_AFTER = 16;

/** Keeps how long the last calls of one operation took, in a ring. Recording costs one store; only reading the median sorts. */
export class RecentLatency {
  readonly #ring = new Float64Array(KEPT);
  #recorded = 0;
  #median = 0;
  #medianOf = 0;

  record(ms: number): void {
    this.#ring[this.#recorded++ % KEPT] = ms;
  }

  /** The median in milliseconds; 0 while nothing is known. */
  get p50(): number {
    if (this.#recorded - this.#medianOf >= (this.#medianOf < KEPT ? 1 : STALE_AFTER)) {
      const sorted = this.#ring.slice(0, Math.min(this.#recorded, KEPT)).sort();
      this.#median = sorted[(sorted.length - 1) >> 1] as number;
      this.#medianOf = this.#recorded;
    }
    return this.#median;
  }
}
