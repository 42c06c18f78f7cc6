/**
 * Counts how often something happened within a sliding time: a ring of slots, so that counting allocates nothing and old counts
 * expire. The present slot is part of the time, so the oldest count is between `slots - 1` and `slots` slots old.
 */
export class SlidingCount {
  readonly #counts: Int32Array;
  readonly #slotMs: number;
  #slot = 0;
  #sum = 0;

  constructor(slots: number, slotMs: number) {
    this.#counts = new Int32Array(slots);
    this.#slotMs = slotMs;
  }

  add(nowMono: number): void {
    this.#advance(nowMono);
    const at = this.#slot % this.#counts.length;
    this.#counts[at] = (this.#counts[at] as number) + 1;
    this.#sum++;
  }

  sum(nowMono: number): number {
    this.#advance(nowMono);
    return this.#sum;
  }

  clear(): void {
    this.#counts.fill(0);
    this.#sum = 0;
  }

  #advance(nowMono: number): void {
    const slot = Math.floor(nowMono / this.#slotMs);
    if (slot <= this.#slot) return;
    const { length } = this.#counts;
    const from = Math.max(this.#slot + 1, slot - length + 1);
    for (let passed = from; passed <= slot; passed++) {
      const at = passed % length;
      this.#sum -= this.#counts[at] as number;
      this.#counts[at] = 0;
    }
    this.#slot = slot;
  }
}
