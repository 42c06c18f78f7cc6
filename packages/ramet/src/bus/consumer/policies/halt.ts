import { steadyBackoffMs } from '../../../platform/index.ts';
import type { Tx } from '../../../store/index.ts';
import type { Delivery } from '../../bus.ts';
import type { Envelope } from '../../envelope.ts';
import { blockedOf, isBlocked, unblock } from '../blocked-keys.ts';
import type { HandlerFailure } from '../failure.ts';
import { attemptAtHalt, halt, halted, haltOf, removeHalt, resume, retryHalt } from '../halts.ts';
import { takeOver } from '../inbox.ts';
import { type GivenUp, type Letter, writeLetter } from '../letters.ts';
import type { ConsumerContext } from '../options.ts';
import type { Origin } from '../origin.ts';
import type { PoisonRule } from './policy.ts';

/** Nothing behind the event that failed is handled in its partition, until an operator has decided. */
export class Halt implements PoisonRule {
  readonly name = 'halt';
  readonly oneByOne = true;

  /** Rows of an earlier policy still block their keys. */
  isBlocked(tx: Tx, subscriber: string, key: string): Promise<boolean> {
    return isBlocked(tx, subscriber, key);
  }

  blockedOf(tx: Tx, subscriber: string, deliveries: readonly Delivery[]): Promise<ReadonlySet<string>> {
    return blockedOf(tx, subscriber, deliveries);
  }

  resume(tx: Tx, subscriber: string, origin: Origin, delivery: Delivery): Promise<boolean> {
    return resume(tx, subscriber, origin, delivery);
  }

  async haltedAttempt({ store, subscriber }: ConsumerContext, origin: Origin, eventId: string): Promise<number | 'elsewhere' | false> {
    const halt = await haltOf(store.reader, subscriber, origin);
    if (!halt) return false;
    if (halt.eventId !== eventId) return 'elsewhere';
    return attemptAtHalt(store, subscriber, origin, halt);
  }

  /** The subscription continues behind it, as under `skip`. */
  async refuse(tx: Tx, context: ConsumerContext, event: GivenUp): Promise<void> {
    await writeLetter(tx, context, 'skip', event);
    await unblock(tx, context.subscriber, event.envelope);
  }

  bury(tx: Tx, context: ConsumerContext, event: GivenUp): Promise<void> {
    return writeLetter(tx, context, this.name, event);
  }

  failed(context: ConsumerContext, origin: Origin, delivery: Delivery, failure: HandlerFailure, attempts: number): Promise<void> {
    return this.#halt(context, origin, delivery, failure, { counted: attempts, made: attempts });
  }

  giveUp(context: ConsumerContext, origin: Origin, delivery: Delivery, failure: HandlerFailure, attempts: number): Promise<void> {
    // The start that is not made was counted.
    return this.#halt(context, origin, delivery, failure, { counted: attempts + 1, made: attempts });
  }

  async release(tx: Tx, { subscriber, event_id, envelope }: Letter, how: 'replay' | 'discard'): Promise<void> {
    if (how === 'replay') return retryHalt(tx, subscriber, event_id);
    await takeOver(tx, subscriber, JSON.parse(envelope) as Envelope);
    await removeHalt(tx, subscriber, event_id);
  }

  /** Halts at an event, unless it has been handled or discarded meanwhile. @throws RametError SubscriptionHalted */
  async #halt(
    context: ConsumerContext,
    origin: Origin,
    delivery: Delivery,
    failure: HandlerFailure,
    attempts: { readonly counted: number; readonly made: number },
  ): Promise<void> {
    const { store, subscriber, platform, retry, onOutcome, onHalt } = context;
    const { envelope, pos } = delivery;
    const { made } = attempts;
    const final = failure.permanent || made >= retry.maxAttempts;
    const delayMs = final ? undefined : steadyBackoffMs(platform, retry, made);
    const outcome = await store.write(
      async (tx) => {
        const outcome = await halt(tx, subscriber, origin, delivery, { failure, ...attempts, delayMs });
        if (final && outcome === 'halted') {
          await this.bury(tx, context, { envelope, failure, attempts: made });
          await onHalt?.(tx, envelope, failure);
        }
        return outcome;
      },
      { name: `${subscriber} halts at ${envelope.type}` },
    );
    if (outcome === 'settled') return onOutcome?.('duplicate', envelope);
    if (outcome === 'elsewhere') throw halted(subscriber, origin.log, pos, 0);
    await origin.reached(delivery);
    onOutcome?.(final ? 'halted' : 'retrying', envelope, failure, made);
    throw halted(subscriber, origin.log, pos, delayMs ?? Number.POSITIVE_INFINITY);
  }
}
