import { RametError } from '../errors/index.ts';
import { type Cancellation, type Fault, fault, type Reply, type Target } from './call.ts';
import { Canceller, NEVER } from './cancellation.ts';

/** A connection, seen by the calls that it carries. */
export interface Carrier {
  /** Grants the other side so many bytes more of a stream. */
  credit(pending: Pending, bytes: number): void;
  /** Whether a call was handed to the network. */
  hasLeft(pending: Pending): boolean;
  /** Forgets a call that is no longer awaited, and cancels it on the other side. */
  forget(pending: Pending): void;
}

/** Work that waits for the other side: a call for its reply, a stream for its next answer. */
export abstract class Pending {
  readonly target: Target;
  abstract readonly kind: 'call' | 'stream';
  readonly token: string;
  text: string;
  id = 0;
  /** The connection that carries it, and the write of that connection in which it left. */
  connection: Carrier | undefined;
  turn = 0;
  over = false;
  readonly #cancellation: Cancellation;
  #onCancel: (() => void) | undefined;

  constructor(target: Target, token: string, text: string, cancellation: Cancellation) {
    this.target = target;
    this.token = token;
    this.text = text;
    this.#cancellation = cancellation;
  }

  /** @returns false when the caller is cancelled already */
  protected follow(): boolean {
    const cancellation = this.#cancellation;
    if (cancellation === NEVER) return true;
    if (cancellation instanceof Canceller) {
      if (cancellation.cancelled) return false;
      this.#onCancel = () => this.cancelled();
      cancellation.follow(this.#onCancel);
      return true;
    }
    const { signal } = cancellation;
    if (signal.aborted) return false;
    this.#onCancel = () => this.cancelled();
    signal.addEventListener('abort', this.#onCancel, { once: true });
    return true;
  }

  protected unfollow(): void {
    const cancellation = this.#cancellation;
    if (!this.#onCancel) return;
    if (cancellation instanceof Canceller) cancellation.unfollow(this.#onCancel);
    else cancellation.signal.removeEventListener('abort', this.#onCancel);
  }

  /** Ends the call because its caller is cancelled. The other side is notified if it knows the call. */
  cancelled(): void {
    if (this.over) return;
    // A call that was handed to the connection will leave, even if it is cancelled at once.
    const executed = this.connection ? 'unknown' : 'no';
    this.connection?.forget(this);
    this.fail(fault(new RametError('Cancelled', undefined, { executed })));
  }

  /** Whether the other side may have seen the call, if the connection is lost now. */
  get executed(): Fault['executed'] {
    return this.connection?.hasLeft(this) ? 'unknown' : 'no';
  }

  /** Ends the call with a reply, or the stream with or without a failure. */
  abstract answered(reply: Reply | undefined): void;
  /** Takes an answer of a stream. @param cost what it takes of the window */
  abstract item(reply: Reply, cost: number): void;
  /** Ends without an answer of the other side. */
  abstract fail(fault: Fault): void;
}
