import { MINUTE } from '../../platform/index.ts';

/** Longer than the pause between any two repetitions of a request. */
const KEPT_MS = 10 * MINUTE;
const KEPT_MAX = 1_000;

/**
 * Keeps the keys of the requests to an operation that have failed lately. Repeated failures of one request count once, so one bad
 * order cannot open the circuit for all others.
 */
export class Witnesses {
  /** When each request failed last, the oldest first. */
  readonly #failed = new Map<string, number>();

  /** Notes a failed request. @returns whether it had failed before */
  failed(key: string, nowMono: number): boolean {
    const lastMono = this.#failed.get(key);
    this.#failed.delete(key);
    if (this.#failed.size >= KEPT_MAX) this.#failed.delete(this.#failed.keys().next().value as string);
    this.#failed.set(key, nowMono);
    return lastMono !== undefined && nowMono - lastMono <= KEPT_MS;
  }

  /** Notes that a request succeeded: its next failure counts. */
  succeeded(key: string): void {
    if (this.#failed.size > 0) this.#failed.delete(key);
  }
}
