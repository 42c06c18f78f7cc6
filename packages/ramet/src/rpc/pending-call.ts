import type { Cancellation, Fault, Reply, Target } from './call.ts';
import { ProtocolError } from './messages.ts';
import { Pending } from './pending.ts';

/** A call under way, on the side of the caller. */
export class PendingCall extends Pending {
  readonly kind = 'call';
  readonly #resolve: (reply: Reply) => void;

  constructor(target: Target, token: string, text: string, cancellation: Cancellation, resolve: (reply: Reply) => void) {
    super(target, token, text, cancellation);
    this.#resolve = resolve;
  }

  /** Begins the call. @returns false when it was cancelled before */
  begin(): boolean {
    if (this.follow()) return true;
    this.cancelled();
    return false;
  }

  answered(reply: Reply | undefined): void {
    if (this.over) return;
    if (!reply) throw new ProtocolError('a call is answered with a reply');
    this.over = true;
    this.unfollow();
    this.#resolve(reply);
  }

  item(): void {
    throw new ProtocolError('a call is answered once');
  }

  fail(fault: Fault): void {
    this.answered(fault);
  }
}
