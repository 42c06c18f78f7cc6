import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { Canceller } from '../rpc/index.ts';

const KEEP_ALIVE_COMMENT_MS = 15_000;

/** An answer as server-sent events, which can be ended in order while there may be more: clients ask again for the rest. */
export class EventStream {
  readonly #platform: Platform;
  readonly #events: AsyncIterable<unknown>;
  readonly #canceller: Canceller;
  #ended = false;
  #wake: () => void = () => {};

  /** @param canceller ends the request that the events come from */
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
   * The events as text, with a comment now and then so that proxies between do not take silence for the end.
   * @param onError told of what ends the stream early; its status is long sent, the client sees the end and asks again
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

  /** Resolves when a comment is due, or when this is woken. */
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
