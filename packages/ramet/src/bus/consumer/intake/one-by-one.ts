import type { Batch, Delivery } from '../../bus.ts';
import { endedTheProcess, failureOf } from '../failure.ts';
import { attemptAtHalt, haltOf, refuseHalted } from '../halts.ts';
import type { ConsumerContext } from '../options.ts';
import type { PartitionProgress } from '../partition-progress.ts';
import type { PoisonRule } from '../policies/policy.ts';
import { Attempts } from './attempts.ts';
import { EventHandlers } from './event-handlers.ts';
import { type BatchOrder, endBefore } from './order.ts';

/** Handles the events of a batch in the order of their partition, up to the first one that fails. */
export class OneByOne implements BatchOrder {
  readonly #context: ConsumerContext;
  readonly #policy: PoisonRule;
  readonly #attempts: Attempts;

  constructor(context: ConsumerContext, policy: PoisonRule) {
    this.#context = context;
    this.#policy = policy;
    this.#attempts = new Attempts(context, policy, new EventHandlers(context.handlers));
  }

  async settle(batch: Batch, progress: PartitionProgress, known: readonly Delivery[]): Promise<void> {
    const { store, subscriber, retry, platform } = this.#context;
    const halt = await haltOf(store.reader, subscriber, progress);
    if (halt) refuseHalted(subscriber, progress, halt);
    let claimed = false;
    let settled = false;
    for (const delivery of known) {
      const { pos } = delivery;
      // Events before the halt were processed.
      if (halt && pos < halt.pos) continue;
      if (batch.ended?.()) await endBefore(progress, delivery, settled);
      let attempt = 1;
      if (halt?.pos === pos) attempt = await attemptAtHalt(store, subscriber, progress, halt);
      else if (progress.isSuspect(pos)) attempt = await progress.countSuspect(pos);
      else if (!claimed) {
        await progress.claim(pos - 1, batch.through, 0);
        claimed = true;
      }
      if (attempt <= retry.maxAttempts) await this.#attempts.make(progress, delivery, attempt);
      else {
        const failure = failureOf(endedTheProcess(attempt - 1), platform);
        await this.#policy.giveUp(this.#context, progress, delivery, failure, attempt - 1);
      }
      progress.clear(pos);
      settled = true;
    }
  }
}
