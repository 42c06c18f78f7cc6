import { RametError } from '../errors/index.ts';
import type { Canceller } from '../rpc/index.ts';

/** Counts the streams that each client has open: one costs a connection, a reader and a place in memory for as long as it lives. */
export class OpenStreams {
  readonly #max: number;
  readonly #open = new Map<string, number>();

  /** @param max for each client */
  constructor(max: number) {
    this.#max = max;
  }

  /**
   * Takes a place, which is given back when the stream ends.
   * @returns gives the place back; harmless when it has been
   * @throws RametError TooManyRequests
   */
  take(client: string, cancellation: Canceller): () => void {
    const held = this.#open.get(client) ?? 0;
    if (held >= this.#max)
      throw new RametError('TooManyRequests', `${held} streams are open, and no client may have more: close one`, { retryAfterMs: 1_000 });
    this.#open.set(client, held + 1);
    let given = false;
    const release = () => {
      if (given) return;
      given = true;
      cancellation.unfollow(release);
      const left = (this.#open.get(client) ?? 1) - 1;
      if (left === 0) this.#open.delete(client);
      else this.#open.set(client, left);
    };
    cancellation.follow(release);
    return release;
  }
}
