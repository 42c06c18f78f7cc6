import { RametError } from '../../errors/index.ts';
import { KeyedCount } from '../../http/index.ts';
import type { Canceller } from '../../rpc/index.ts';

/** Counts the streams that each client has open: one costs a connection, a reader and a place in memory for as long as it lives. */
export class OpenStreams {
  readonly #open: KeyedCount;

  /** @param max for each client */
  constructor(max: number) {
    this.#open = new KeyedCount(max);
  }

  /**
   * Takes a place, which is given back when the stream ends.
   * @returns gives the place back; harmless when it has been
   * @throws RametError TooManyRequests
   */
  take(client: string, cancellation: Canceller): () => void {
    if (!this.#open.take(client))
      throw new RametError('TooManyRequests', `${this.#open.of(client)} streams are open, and no client may have more: close one`, {
        retryAfterMs: 1_000,
      });
    let given = false;
    const release = () => {
      if (given) return;
      given = true;
      cancellation.unfollow(release);
      this.#open.release(client);
    };
    cancellation.follow(release);
    return release;
  }
}
