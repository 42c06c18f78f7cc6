/** A map that forgets what it has kept longest when it holds more characters than it may. */
export class BoundedCache<V> {
  readonly #maxWeight: number;
  readonly #weigh: (key: string, value: V) => number;
  readonly #entries = new Map<string, V>();
  #weight = 0;

  /** @param weigh in characters; must say the same of the same entry at any time */
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
