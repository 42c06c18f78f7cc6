import { RametError } from '../errors/index.ts';
import { type CallMeta, type Dispatcher, fault, type Reply } from './call.ts';
import { Canceller } from './cancellation.ts';
import type { Deadline } from './policies/deadlines.ts';

/** Receives the answers of calls. */
export interface CallSink {
  answered(call: ServedCall, reply: Reply): void;
  /** Answers a call whose handler still runs. */
  expired(call: ServedCall, reply: Reply): void;
}

/** A call under way, on the side that answers. It is also the cancellation that the handler receives. */
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

  /** Ends the call because its time is over and its caller should have given up. */
  expire(): void {
    const error = new RametError('DeadlineExceeded', `${this.what} did not end in time`);
    this.#sink.expired(this, fault(error));
    this.stop(error);
  }

  /** Cancels a call that is no longer awaited. */
  stop(error: RametError): void {
    this.cancel(error);
  }

  /** Dispatchers must answer with replies. An error from one that does not becomes a fault. */
  protected broken(error: unknown): Reply {
    return fault(error instanceof RametError ? error : new RametError('Internal', `${this.what} failed`, { cause: error }));
  }
}
