import type { Batch, Delivery } from '../../bus.ts';
import { KeyLanes } from '../../key-lanes.ts';
import { endedTheProcess, failureOf } from '../failure.ts';
import type { ConsumerContext } from '../options.ts';
import type { PartitionProgress } from '../partition-progress.ts';
import type { PoisonRule } from '../policies/policy.ts';
import { Attempts } from './attempts.ts';
import { EventHandlers } from './event-handlers.ts';
import { type BatchOrder, endBefore } from './order.ts';
import { SharedTransactions } from './shared-transactions.ts';

/** How many keys of one group are handled at once. */
const LANES = 64;

/** Handles the events of a batch in order per key, and side by side across keys. */
export class ByKey implements BatchOrder {
  readonly #context: ConsumerContext;
  readonly #policy: PoisonRule;
  readonly #attempts: Attempts;
  readonly #shared: SharedTransactions;

  constructor(context: ConsumerContext, policy: PoisonRule) {
    const handlers = new EventHandlers(context.handlers);
    this.#context = context;
    this.#policy = policy;
    this.#attempts = new Attempts(context, policy, handlers);
    this.#shared = new SharedTransactions(context, policy, handlers);
  }

  async settle(batch: Batch, progress: PartitionProgress, known: readonly Delivery[]): Promise<void> {
    const { suspects = [], rest = [] } = Object.groupBy(known, ({ pos }) => (progress.isSuspect(pos) ? 'suspects' : 'rest'));
    await this.#suspects(batch, progress, suspects);
    const [first] = rest;
    if (!first) return;
    if (batch.ended?.()) await endBefore(progress, first, suspects.length > 0);
    await progress.claim(first.pos - 1, batch.through, 0);
    // Where transactions share commits they need not share anything else. What arrives again may be beyond the horizon.
    const { sharedCommits } = this.#context.store.capabilities;
    const { again = [], fresh = [] } = Object.groupBy(rest, ({ pos }) =>
      sharedCommits === 1 && progress.isFirst(pos) ? 'fresh' : 'again',
    );
    const left = await this.#apart(progress, again, batch.ended);
    if (left) await endBefore(progress, left, true);
    for (let i = 0; i < fresh.length; ) {
      if (batch.ended?.()) await endBefore(progress, fresh[i] as Delivery, true);
      const some = fresh.slice(i, i + this.#shared.size);
      if (some.length > 1) i += await this.#together(progress, some);
      else await this.#attempts.make(progress, fresh[i++] as Delivery, 1);
    }
  }

  /** After a crash, what was under way then is handled one by one: an event that ends the process must not accuse others. */
  async #suspects(batch: Batch, progress: PartitionProgress, suspects: readonly Delivery[]): Promise<void> {
    const { retry, platform } = this.#context;
    for (const delivery of suspects) {
      if (batch.ended?.()) await endBefore(progress, delivery, delivery !== suspects[0]);
      const attempt = await progress.countSuspect(delivery.pos);
      if (attempt <= retry.maxAttempts) await this.#attempts.make(progress, delivery, attempt);
      else {
        const failure = failureOf(endedTheProcess(attempt - 1), platform);
        await this.#policy.giveUp(this.#context, progress, delivery, failure, attempt - 1);
      }
      progress.clear(delivery.pos);
    }
  }

  /** Each in a transaction of its own, in order per key. @returns the first one that is left, when the batch has `ended` before */
  async #apart(progress: PartitionProgress, deliveries: readonly Delivery[], ended?: () => boolean): Promise<Delivery | undefined> {
    const left = new Set(deliveries);
    await new KeyLanes(LANES).run(
      deliveries,
      (delivery) => delivery.envelope.key,
      async (delivery) => {
        if (ended?.()) return;
        await this.#attempts.make(progress, delivery, 1);
        left.delete(delivery);
      },
    );
    return left.values().next().value;
  }

  /**
   * All in one transaction. When an event fails, those before it are handled apart, and it has had its first attempt.
   * @returns how many were processed
   */
  async #together(progress: PartitionProgress, deliveries: readonly Delivery[]): Promise<number> {
    const outcome = await this.#shared.run(progress, deliveries);
    if (outcome === 'settled') return deliveries.length;
    const { failed, error } = outcome;
    const before = failed ? deliveries.slice(0, deliveries.indexOf(failed)) : deliveries;
    await this.#apart(progress, before);
    if (!failed) return before.length;
    await this.#policy.failed(this.#context, progress, failed, failureOf(error, this.#context.platform), 1);
    return before.length + 1;
  }
}
