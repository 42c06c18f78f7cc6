import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { Canceller } from '../rpc/index.ts';

const KEEP_ALIVE_COMMENT_MS = 15_000;

/** An answer of server-sent events. It can end in order before its events do; the client then requests the rest. */
export class EventStream {
  readonly #platform: Platform;
  readonly #events: AsyncIterable<unknown>;
  readonly #canceller: Canceller;
  #ended = false;
  #wake: () => void = () => {};

  /** @param canceller cancels the request whose events these are */
  constructor(platform: Platform, events: AsyncIterable<unknown>, canceller: Canceller) {
    this.#platform = platform;
    this.#events = events;
    this.#canceller = canceller;
  }

  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#canceller.cancel(new RametError('ShuttingDown'));
    this.#wake();
  }

  /**
   * Writes the events as text. In a silence it writes comments, so that proxies do not close the connection.
   * @param onError called with the error that ends the stream early; the status has been sent, so the client only sees the end
   */
  async *lines(onError: (error: unknown) => void): AsyncGenerator<string> {
    const iterator = this.#events[Symbol.asyncIterator]();
    try {
      for (let next = iterator.next(); ; ) {
        const result = await Promise.race([next, this.#silence()]);
        this.#wake();
        if (this.#ended) return;
        if (result === undefined) {
          yield ': still here\n\n';
          continue;
        }
        if (result.done) return;
        yield `data: ${JSON.stringify(result.value)}\n\n`;
        next = iterator.next();
      }
    } catch (error) {
      if (!this.#ended && !(error instanceof RametError && error.code === 'Cancelled')) onError(error);
    } finally {
      await iterator.return?.();
    }
  }

  /** Resolves when a comment is due, or on a wake-up. */
  #silence(): Promise<undefined> {
    if (this.#ended) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const timer = this.#platform.timers.set(KEEP_ALIVE_COMMENT_MS, () => resolve(undefined));
      this.#wake = () => {
        timer.cancel();
        resolve(undefined);
      };
    });
  }
}
