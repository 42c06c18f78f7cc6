import type { Cancellation, Fault, Reply, Target } from './call.ts';
import { Pending } from './pending.ts';

const DONE: IteratorResult<Reply> = { done: true, value: undefined };

/** Sends streams. */
export interface StreamOpener {
  /** What a reader takes before it grants more. */
  readonly windowBytes: number;
  /** Sends a stream when its first answer is requested. */
  open(stream: PendingStream): void;
}

/** A stream under way, on the side of the reader. It keeps the answers that were not read yet; the window bounds them. */
export class PendingStream extends Pending implements AsyncIterableIterator<Reply> {
  readonly kind = 'stream';
  readonly #opener: StreamOpener;
  readonly #items: { readonly reply: Reply; readonly cost: number }[] = [];
  #last: Reply | undefined;
  #begun = false;
  #readBytes = 0;
  #waiting: ((result: IteratorResult<Reply>) => void) | undefined;

  constructor(target: Target, token: string, text: string, cancellation: Cancellation, opener: StreamOpener) {
    super(target, token, text, cancellation);
    this.#opener = opener;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  next(): Promise<IteratorResult<Reply>> {
    if (!this.#begun) this.#begin();
    const item = this.#items.shift();
    if (item) {
      this.#taken(item.cost);
      return Promise.resolve({ done: false, value: item.reply });
    }
    if (this.over) return Promise.resolve(this.#end());
    return new Promise((resolve) => {
      this.#waiting = resolve;
    });
  }

  /** Ends the stream for the reader. The other side is notified and not awaited. */
  return(): Promise<IteratorResult<Reply>> {
    this.#begun = true;
    this.#items.length = 0;
    if (!this.over) {
      this.connection?.forget(this);
      this.answered(undefined);
    }
    this.#last = undefined;
    return Promise.resolve(DONE);
  }

  item(reply: Reply, cost: number): void {
    if (this.over) return;
    if (!this.#waiting) {
      this.#items.push({ reply, cost });
      return;
    }
    const waiting = this.#waiting;
    this.#waiting = undefined;
    this.#taken(cost);
    waiting({ done: false, value: reply });
  }

  answered(reply: Reply | undefined): void {
    if (this.over) return;
    this.over = true;
    this.unfollow();
    this.#last = reply;
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.(this.#end());
  }

  fail(fault: Fault): void {
    this.answered(fault);
  }

  #begin(): void {
    this.#begun = true;
    if (this.over) return;
    if (this.follow()) this.#opener.open(this);
    else this.cancelled();
  }

  #end(): IteratorResult<Reply> {
    const last = this.#last;
    this.#last = undefined;
    return last ? { done: false, value: last } : DONE;
  }

  /** Grants the other side more once half of the window has been read. */
  #taken(cost: number): void {
    this.#readBytes += cost;
    if (this.over || this.#readBytes < this.#opener.windowBytes / 2) return;
    this.connection?.credit(this, this.#readBytes);
    this.#readBytes = 0;
  }
}
