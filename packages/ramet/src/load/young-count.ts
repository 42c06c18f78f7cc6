const BUCKET_MS = 100;
const BUCKETS = 10;

/**
 * Counts the work that began within the last second and has not ended. Work that takes longer waits for something outside this process
 * (an external system, a change that a client follows) and does not keep the process busy.
 */
export class YoungCount {
  readonly #begun = new Array<number>(BUCKETS).fill(0);
  #newest = 0;
  #count = 0;

  at(nowMono: number): number {
    this.#age(nowMono);
    return this.#count;
  }

  /** Notes a beginning. @returns the value to pass to {@link ended} */
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
