import { hash32 } from '../platform/index.ts';

/**
 * Chance without a stream: every number is a pure function of the seed and of its purpose. Omitting one decision does not change any
 * other, which makes it possible to shrink a failing run until a person can read it. A simulator that draws from one stream, such as
 * FoundationDB's, cannot do this.
 */
export class Keyed {
  readonly #seed: string;
  readonly #counts = new Map<string, number>();

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** Draws a number, uniform in [0, 1), the same for the same name. */
  of(name: string): number {
    return (hash32(`${this.#seed}|${name}`) * 2 ** 21 + (hash32(`${name}|${this.#seed}`) >>> 11)) / 2 ** 53;
  }

  /** Counts how often `site` was passed, this time included. */
  count(site: string): number {
    const n = (this.#counts.get(site) ?? 0) + 1;
    this.#counts.set(site, n);
    return n;
  }

  /** Draws a number, uniform in [0, 1), another one at each call with the same site. */
  next(site: string): number {
    return this.of(`${site}#${this.count(site)}`);
  }

  /** Draws a whole number from `least` to `most`. */
  int(site: string, least: number, most: number): number {
    return least + Math.floor(this.next(site) * (most - least + 1));
  }

  pick<T>(site: string, from: readonly T[]): T {
    if (from.length === 0) throw new RangeError(`'${site}' has nothing to pick from`);
    return from[Math.floor(this.next(site) * from.length)] as T;
  }

  bytes(site: string, count: number): Uint8Array {
    const bytes = new Uint8Array(count);
    let state = hash32(`${this.#seed}|${site}#${this.count(site)}`);
    for (let i = 0; i < count; i++) {
      // A linear congruence (Numerical Recipes); its high bits are good enough for ids that only have to differ.
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      bytes[i] = state >>> 24;
    }
    return bytes;
  }
}

/** Maps `chance` to a number between `least` and `most` so that each order of magnitude is equally likely. */
export const logUniform = (chance: number, least: number, most: number): number => least * (most / least) ** chance;
