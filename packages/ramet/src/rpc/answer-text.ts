import { RametError } from '../errors/index.ts';
import { JsonError } from '../platform/index.ts';
import { fault, type Reply } from './call.ts';
import { encodeReply, OUTCOME, replyKind } from './messages.ts';
import { notAnswered } from './payload.ts';

/**
 * Writes replies as texts. An answer that JSON would change, or that is too large, becomes a fault that says so. Each connection
 * has one object, because a result with two fields would cost each call an allocation.
 */
export class AnswerText {
  readonly #onError: (error: unknown, where: object) => void;
  /** The {@link OUTCOME} of the text that {@link of} returned last. */
  outcome: number = OUTCOME.value;

  /** @param onError called with answers that cannot travel: a mistake of the handler */
  constructor(onError: (error: unknown, where: object) => void) {
    this.#onError = onError;
  }

  /** Writes one reply. @param what the operation, for messages */
  of(reply: Reply, what: string, payloadBytes: number): string {
    this.outcome = replyKind(reply);
    try {
      const text = encodeReply(reply);
      if (text.length > payloadBytes / 3 && Buffer.byteLength(text) > payloadBytes)
        throw new RametError('PayloadTooLarge', `the answer of ${what} is larger than ${payloadBytes} bytes`, { executed: 'unknown' });
      return text;
    } catch (error) {
      this.#onError(error, { operation: what });
      this.outcome = OUTCOME.fault;
      return encodeReply(error instanceof JsonError ? notAnswered(what, error) : fault(error as RametError));
    }
  }
}
