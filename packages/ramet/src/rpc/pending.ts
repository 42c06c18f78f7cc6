import { RametError } from '../errors/index.ts';
import { type Cancellation, type Fault, fault, type Reply, type Target } from './call.ts';
import { Canceller, NEVER } from './cancellation.ts';

/** The connection that carries calls, as they see it. */
export interface Carrier {
  /** Grants the other side so many bytes more of a stream. */
  credit(pending: Pending, bytes: number): void;
  /** Whether a call has been handed to the network. */
  hasLeft(pending: Pending): boolean;
  /** Nobody waits for it any more: the other side is told. */
  forget(pending: Pending): void;
}

/** What waits for the other side: a call for its reply, a stream for its next answer. */
export abstract class Pending {
  readonly target: Target;
  abstract readonly kind: 'call' | 'stream';
  readonly token: string;
  text: string;
  id = 0;
  /** The connection that carries it, and when it was written there, as the connection counts. */
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

  /** @returns false when whoever called has gone already */
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

  /** Whoever called has gone: the other side is told, where it knows of the call. */
  cancelled(): void {
    if (this.over) return;
    // Once it is gathered to be written it will leave, however soon nobody waits for it.
    const executed = this.connection ? 'unknown' : 'no';
    this.connection?.forget(this);
    this.fail(fault(new RametError('Cancelled', undefined, { executed })));
  }

  /** Whether the other side may have seen it, when the connection is lost now. */
  get executed(): Fault['executed'] {
    return this.connection?.hasLeft(this) ? 'unknown' : 'no';
  }

  /** A reply, or the end of a stream. */
  abstract answered(reply: Reply | undefined): void;
  /** An answer of a stream. @param cost of the window */
  abstract item(reply: Reply, cost: number): void;
  /** It ends without the other side. */
  abstract fail(fault: Fault): void;
}
