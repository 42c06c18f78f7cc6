import type { RametError } from '../errors/index.ts';
import type { CallMeta, Dispatcher, Reply } from './call.ts';
import { ITEM_COST } from './payload.ts';
import { type CallSink, ServedCall } from './served-call.ts';

/** Receives the answers of streams. */
export interface StreamSink extends CallSink {
  /** Whether what was written waits for the other side to read. */
  readonly full: boolean;
  /** @returns the bytes of its text */
  item(stream: ServedStream, reply: Reply): number;
  /** Ends the stream. @param last the failure that ended it */
  ended(stream: ServedStream, last: Reply | undefined): void;
}

/** A stream under way, on the side that answers. It reads from the handler only while the reader has room. */
export class ServedStream extends ServedCall {
  readonly #to: StreamSink;
  #windowBytes: number;
  #resume: (() => void) | undefined;

  /** @param windowBytes what the reader takes before it grants more */
  constructor(sink: StreamSink, id: number, what: string, windowBytes: number) {
    super(sink, id, what, Number.POSITIVE_INFINITY);
    this.#to = sink;
    this.#windowBytes = windowBytes;
  }

  override begin(dispatcher: Dispatcher, operation: string, input: unknown, meta: CallMeta): void {
    this.#run(dispatcher, operation, input, meta).then(
      (last) => this.#to.ended(this, last),
      (error: unknown) => this.#to.ended(this, this.broken(error)),
    );
  }

  /** Grants so many bytes more. */
  credit(bytes: number): void {
    this.#windowBytes += bytes;
    if (this.#windowBytes > 0) this.wake();
  }

  /** Continues, if the reader has room. */
  wake(): void {
    const resume = this.#resume;
    this.#resume = undefined;
    resume?.();
  }

  override stop(error: RametError): void {
    super.stop(error);
    this.wake();
    // A handler that ignores the signal is not awaited.
    this.#to.ended(this, undefined);
  }

  /** @returns the failure that ended it, if any */
  async #run(dispatcher: Dispatcher, operation: string, input: unknown, meta: CallMeta): Promise<Reply | undefined> {
    const answers = dispatcher.stream(operation, input, meta, this)[Symbol.asyncIterator]();
    this.follow(() => void answers.return?.().then(undefined, () => {}));
    for (;;) {
      const next = await answers.next();
      if (next.done || this.cancelled) return undefined;
      if (!next.value.ok) return next.value;
      const bytes = this.#to.item(this, next.value);
      this.#windowBytes -= bytes + ITEM_COST;
      while (!this.cancelled && (this.#windowBytes <= 0 || this.#to.full))
        await new Promise<void>((resolve) => {
          this.#resume = resolve;
        });
      if (this.cancelled) return undefined;
    }
  }
}
