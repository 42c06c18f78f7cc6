import { MINUTE } from '../../platform/index.ts';

/** Longer than anything that repeats a request pauses in between. */
const KEPT_MS = 10 * MINUTE;
const KEPT_MAX = 1_000;

/**
 * Which requests to an operation have failed lately, by their keys. Repeated failures of one request count
 * once, so that one bad order cannot open the circuit for all others.
 */
export class Witnesses {
  /** When each failed last; the longest ago is first. */
  readonly #failed = new Map<string, number>();

  /** A request has failed. @returns whether it had failed before */
  failed(key: string, nowMono: number): boolean {
    const lastMono = this.#failed.get(key);
    this.#failed.delete(key);
    if (this.#failed.size >= KEPT_MAX) this.#failed.delete(this.#failed.keys().next().value as string);
    this.#failed.set(key, nowMono);
    return lastMono !== undefined && nowMono - lastMono <= KEPT_MS;
  }

  /** A request has succeeded: if it fails after that, this is news. */
  succeeded(key: string): void {
    if (this.#failed.size > 0) this.#failed.delete(key);
  }
}
