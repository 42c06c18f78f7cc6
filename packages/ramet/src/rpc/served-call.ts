import { RametError } from '../errors/index.ts';
import { type CallMeta, type Dispatcher, fault, type Reply } from './call.ts';
import { Canceller } from './cancellation.ts';
import type { Deadline } from './policies/deadlines.ts';

/** Where the answers of calls go. */
export interface CallSink {
  answered(call: ServedCall, reply: Reply): void;
  /** Answers a call that runs on. */
  expired(call: ServedCall, reply: Reply): void;
}

/** A call under way, as the side that answers sees it. It is the cancellation that the handler gets. */
export class ServedCall extends Canceller implements Deadline {
  readonly id: number;
  readonly what: string;
  readonly deadlineMono: number;
  place = -1;
  readonly #sink: CallSink;

  constructor(sink: CallSink, id: number, what: string, deadlineMono: number) {
    super();
    this.#sink = sink;
    this.id = id;
    this.what = what;
    this.deadlineMono = deadlineMono;
  }

  begin(dispatcher: Dispatcher, operation: string, input: unknown, meta: CallMeta): void {
    try {
      dispatcher.call(operation, input, meta, this).then(
        (reply) => this.#sink.answered(this, reply),
        (error: unknown) => this.#sink.answered(this, this.broken(error)),
      );
    } catch (error) {
      this.#sink.answered(this, this.broken(error));
    }
  }

  /** Its time is over, and its caller should have gone. */
  expire(): void {
    const error = new RametError('DeadlineExceeded', `${this.what} was not done in time`);
    this.#sink.expired(this, fault(error));
    this.stop(error);
  }

  /** Nobody waits for it any more. */
  stop(error: RametError): void {
    this.cancel(error);
  }

  /** Dispatchers answer with replies; one that breaks this promise is a fault like another. */
  protected broken(error: unknown): Reply {
    return fault(error instanceof RametError ? error : new RametError('Internal', `${this.what} failed`, { cause: error }));
  }
}
