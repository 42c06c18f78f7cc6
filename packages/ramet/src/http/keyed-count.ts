/** Counts what each client holds, up to a limit. A key takes memory only while its count is above zero. */
export class KeyedCount {
  readonly #most: number;
  readonly #held = new Map<string, number>();

  /** @param most the limit for each key */
  constructor(most: number) {
    this.#most = most;
  }

  /** The count of `key`. */
  of(key: string): number {
    return this.#held.get(key) ?? 0;
  }

  /** Counts one more. @returns false when the key is at its limit */
  take(key: string): boolean {
    const held = this.of(key);
    if (held >= this.#most) return false;
    this.#held.set(key, held + 1);
    return true;
  }

  release(key: string): void {
    const left = this.of(key) - 1;
    if (left > 0) this.#held.set(key, left);
    else this.#held.delete(key);
  }
}
