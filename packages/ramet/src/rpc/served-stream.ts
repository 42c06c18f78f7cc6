import type { RametError } from '../errors/index.ts';
import type { CallMeta, Dispatcher, Reply } from './call.ts';
import { ITEM_COST } from './payload.ts';
import { type CallSink, ServedCall } from './served-call.ts';

/** Where the answers of streams go. */
export interface StreamSink extends CallSink {
  /** Whether what is to be written waits for the other side to read. */
  readonly full: boolean;
  /** @returns the bytes of its text */
  item(stream: ServedStream, reply: Reply): number;
  /** @param last a failure that it ended with */
  ended(stream: ServedStream, last: Reply | undefined): void;
}

/** A stream under way, as the side that answers sees it: asks the handler for more only while its reader has room. */
export class ServedStream extends ServedCall {
  readonly #to: StreamSink;
  #windowBytes: number;
  #goOn: (() => void) | undefined;

  /** @param windowBytes what its reader takes before it asks for more */
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

  /** The reader has room for so many bytes more. */
  credit(bytes: number): void {
    this.#windowBytes += bytes;
    if (this.#windowBytes > 0) this.wake();
  }

  /** Looks again whether it may go on. */
  wake(): void {
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  override stop(error: RametError): void {
    super.stop(error);
    this.wake();
    // A handler that does not listen is not waited for.
    this.#to.ended(this, undefined);
  }

  /** @returns what it ended with, where that is a failure */
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
          this.#goOn = resolve;
        });
      if (this.cancelled) return undefined;
    }
  }
}
