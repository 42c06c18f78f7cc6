import { RametError } from '../../../errors/index.ts';
import type { Delivery, QueuedMessage, QueueSink } from '../../bus.ts';
import { endedTheProcess, failureOf, isNotItsFault } from '../failure.ts';
import type { ConsumerContext } from '../options.ts';
import type { Origin } from '../origin.ts';
import type { PoisonRule } from '../policies/policy.ts';
import { QueueSuspects } from '../queue-suspects.ts';
import { Attempts } from './attempts.ts';
import { EventHandlers } from './event-handlers.ts';

/**
 * Takes messages of a queue into the group: each in a transaction of its own with its row in the inbox. The broker's count says
 * which message may have ended a process: those are started one at a time, and each of their starts is counted before.
 */
export class QueueIntake implements QueueSink {
  readonly #context: ConsumerContext;
  readonly #policy: PoisonRule;
  readonly #attempts: Attempts;
  readonly #suspects: QueueSuspects;
  readonly #origin: Origin;

  constructor(context: ConsumerContext, policy: PoisonRule) {
    this.#context = context;
    this.#policy = policy;
    this.#attempts = new Attempts(context, policy, new EventHandlers(context.handlers));
    this.#suspects = new QueueSuspects(context);
    this.#origin = queueOf(context.subscriber);
  }

  laneOf({ envelope }: QueuedMessage): string {
    return this.#policy.oneByOne ? '' : `${envelope.source}/${envelope.key}`;
  }

  async take(message: QueuedMessage): Promise<'settled' | 'elsewhere'> {
    const { envelope, deliveries } = message;
    if (!this.#context.handlers.has(envelope.type)) return 'settled';
    if (message.ended?.()) throw new RametError('ShuttingDown');
    const delivery: Delivery = { ...message, pos: 0 };
    const halted = this.#policy.haltedAttempt(this.#context, this.#origin, envelope.id);
    const attempt = halted && (await halted);
    if (attempt === 'elsewhere') return attempt;
    if (deliveries === 1) await this.#start(delivery, attempt || 1);
    else await this.#startSuspect(message, delivery, attempt || undefined);
    return 'settled';
  }

  returned(messages: readonly QueuedMessage[]): Promise<void> {
    return this.#suspects.returned(messages);
  }

  /** Starts a message that was delivered before. @param attempt as it was counted where the group is halted at the event */
  async #startSuspect(message: QueuedMessage, delivery: Delivery, attempt: number | undefined): Promise<void> {
    const { id } = message.envelope;
    const endTurn = await this.#suspects.turn();
    try {
      if (message.ended?.()) throw new RametError('ShuttingDown');
      const start = attempt ?? (await this.#suspects.count(id));
      try {
        await this.#start(delivery, start);
      } catch (error) {
        if (attempt === undefined && isNotItsFault(error)) this.#suspects.spare(id, start);
        throw error;
      }
      await this.#suspects.settled(id);
    } finally {
      endTurn();
    }
  }

  async #start(delivery: Delivery, attempt: number): Promise<void> {
    const { retry, platform } = this.#context;
    if (attempt <= retry.maxAttempts) return this.#attempts.make(this.#origin, delivery, attempt);
    const failure = failureOf(endedTheProcess(attempt - 1), platform);
    return this.#policy.giveUp(this.#context, this.#origin, delivery, failure, attempt - 1);
  }
}

/**
 * A queue as the origin of deliveries: no process owns it, so that there is nothing to lose. Any message may be a repetition, also
 * one that the broker delivers for the first time: a relay may have published its event twice.
 */
const queueOf = (subscriber: string): Origin => ({
  log: `the queue of ${subscriber}`,
  p: 0,
  unspent: undefined,
  check: async () => {},
  hold: async () => {},
  maybeHandledAtMs: ({ envelope }) => Date.parse(envelope.timestamp),
  reached: async () => {},
});
