/** A map with a maximum weight. It drops its oldest entries beyond it. */
export class BoundedCache<V> {
  readonly #maxWeight: number;
  readonly #weigh: (key: string, value: V) => number;
  readonly #entries = new Map<string, V>();
  #weight = 0;

  /** @param weigh returns the weight of an entry in characters; it must always be the same for one entry */
  constructor(maxWeight: number, weigh: (key: string, value: V) => number) {
    this.#maxWeight = maxWeight;
    this.#weigh = weigh;
  }

  get size(): number {
    return this.#entries.size;
  }

  get(key: string): V | undefined {
    return this.#entries.get(key);
  }

  set(key: string, value: V): void {
    this.delete(key);
    this.#entries.set(key, value);
    this.#weight += this.#weigh(key, value);
    for (const oldest of this.#entries.keys()) {
      if (this.#weight <= this.#maxWeight) break;
      this.delete(oldest);
    }
  }

  delete(key: string): void {
    const value = this.#entries.get(key);
    if (value === undefined) return;
    this.#entries.delete(key);
    this.#weight -= this.#weigh(key, value);
  }
}
