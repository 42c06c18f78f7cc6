import { lowWater, type Tx } from '../../../store/index.ts';
import type { Delivery } from '../../bus.ts';
import { park } from '../blocked-keys.ts';
import { BEYOND_HORIZON, failureOf, isNotItsFault } from '../failure.ts';
import { HaltedError } from '../halts.ts';
import { takeOver } from '../inbox.ts';
import type { ConsumerContext, EventOutcome } from '../options.ts';
import type { Origin } from '../origin.ts';
import type { PoisonRule } from '../policies/policy.ts';
import type { EventHandlers } from './event-handlers.ts';

/** Handles events, each in a transaction of its own with its row in the inbox. */
export class Attempts {
  readonly #context: ConsumerContext;
  readonly #policy: PoisonRule;
  readonly #handlers: EventHandlers;

  constructor(context: ConsumerContext, policy: PoisonRule, handlers: EventHandlers) {
    this.#context = context;
    this.#policy = policy;
    this.#handlers = handlers;
  }

  /**
   * Handles an event. Resolves when it is processed: handled, known already, parked, planned for another attempt, or a dead letter.
   * @param attempt which attempt it is, from 1
   * @throws what says nothing about the event (the store is unavailable, the partition is lost), and SubscriptionHalted
   */
  make(origin: Origin, delivery: Delivery, attempt: number): Promise<void> {
    return this.#context.spans.on ? this.#announced(origin, delivery, attempt) : this.#settle(origin, delivery, attempt);
  }

  async #announced(origin: Origin, delivery: Delivery, attempt: number): Promise<void> {
    const begun = this.#context.spans.begin(delivery);
    try {
      await this.#settle(origin, begun, attempt);
    } finally {
      this.#context.spans.leave(begun.envelope);
    }
  }

  async #settle(origin: Origin, delivery: Delivery, attempt: number): Promise<void> {
    const { store, subscriber, platform, onOutcome } = this.#context;
    const { envelope } = delivery;
    let outcome: EventOutcome;
    try {
      outcome = await store.write((tx) => this.#apply(tx, origin, delivery), {
        name: `${subscriber} on ${envelope.type}`,
        trace: envelope,
      });
    } catch (error) {
      const spared = isNotItsFault(error);
      origin.unspent = spared ? envelope.id : undefined;
      if (spared || error instanceof HaltedError) throw error;
      return this.#policy.failed(this.#context, origin, delivery, failureOf(error, platform), attempt);
    }
    const stop = platform.point('consumer.handled');
    if (stop) await stop;
    onOutcome?.(outcome, envelope, outcome === 'dead' ? BEYOND_HORIZON : undefined);
  }

  async #apply(tx: Tx, origin: Origin, delivery: Delivery): Promise<EventOutcome> {
    const { subscriber } = this.#context;
    const { envelope } = delivery;
    const [fresh, blocked] = await Promise.all([
      takeOver(tx, subscriber, envelope),
      this.#policy.isBlocked(tx, subscriber, envelope.key),
      origin.check(tx),
    ]);
    const resuming = this.#policy.resume(tx, subscriber, origin, delivery);
    const resumed = resuming && (await resuming);
    if (!fresh) return 'duplicate';
    // An event at which the subscription was halted has not been handled, however old it is.
    if (!resumed && (await this.#isBeyondHorizon(tx, origin, delivery))) {
      await this.#policy.refuse(tx, this.#context, { envelope, failure: BEYOND_HORIZON, attempts: 0 });
      return 'dead';
    }
    if (blocked) {
      await park(tx, subscriber, envelope);
      return 'parked';
    }
    await this.#handlers.run(delivery, tx);
    return 'handled';
  }

  /** Whether this delivery may be a repetition of one so long ago that the inbox has forgotten it. */
  async #isBeyondHorizon(tx: Tx, origin: Origin, delivery: Delivery): Promise<boolean> {
    const handledAtMs = origin.maybeHandledAtMs(delivery);
    if (handledAtMs === undefined) return false;
    const lowWaterMs = await lowWater(tx, 'inbox');
    return lowWaterMs !== undefined && handledAtMs < lowWaterMs;
  }
}
