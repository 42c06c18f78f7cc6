import { RametError } from '../../errors/index.ts';
import { KeyedCount } from '../../http/index.ts';
import type { Canceller } from '../../rpc/index.ts';

/** Counts the open streams of each client. A stream costs a connection, a reader and memory for as long as it is open. */
export class OpenStreams {
  readonly #open: KeyedCount;

  /** @param max how many streams each client may have open */
  constructor(max: number) {
    this.#open = new KeyedCount(max);
  }

  /**
   * Counts a stream until its request is cancelled, or until the returned function is called.
   * @returns stops counting the stream; calling it again has no effect
   * @throws RametError TooManyRequests
   */
  take(client: string, cancellation: Canceller): () => void {
    if (!this.#open.take(client))
      throw new RametError('TooManyRequests', `This client has ${this.#open.of(client)} open streams and may not have more: close one`, {
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
