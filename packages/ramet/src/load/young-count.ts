const BUCKET_MS = 100;
const BUCKETS = 10;

/**
 * Counts what began within the last second and has not ended. What takes longer waits for something else than this process (a system
 * of others, a change that a client follows) and is not what keeps it busy.
 */
export class YoungCount {
  readonly #begun = new Array<number>(BUCKETS).fill(0);
  #newest = 0;
  #count = 0;

  at(nowMono: number): number {
    this.#age(nowMono);
    return this.#count;
  }

  /** @returns what {@link ended} is given */
  begin(nowMono: number): number {
    this.#age(nowMono);
    this.#add(this.#newest, 1);
    return this.#newest;
  }

  ended(bucket: number, nowMono: number): void {
    this.#age(nowMono);
    if (bucket > this.#newest - BUCKETS) this.#add(bucket, -1);
  }

  #add(bucket: number, by: number): void {
    const i = bucket % BUCKETS;
    this.#begun[i] = (this.#begun[i] as number) + by;
    this.#count += by;
  }

  #age(nowMono: number): void {
    const bucket = Math.floor(nowMono / BUCKET_MS);
    for (let next = Math.max(this.#newest + 1, bucket - BUCKETS + 1); next <= bucket; next++) {
      const i = next % BUCKETS;
      this.#count -= this.#begun[i] as number;
      this.#begun[i] = 0;
    }
    this.#newest = Math.max(this.#newest, bucket);
  }
}
