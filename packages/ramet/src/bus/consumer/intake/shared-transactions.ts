import type { Tx } from '../../../store/index.ts';
import type { Delivery } from '../../bus.ts';
import { park } from '../blocked-keys.ts';
import { isNotItsFault } from '../failure.ts';
import { takeOverAll } from '../inbox.ts';
import type { ConsumerContext, EventOutcome } from '../options.ts';
import type { Origin } from '../origin.ts';
import type { PoisonRule } from '../policies/policy.ts';
import { type EventHandlers, Interleaved } from './event-handlers.ts';

/** How many events share a transaction at most, and at least. */
const EVENTS = { max: 64, min: 4 } as const;
/** A transaction of several events must not last longer: others wait for the rows that it has changed. */
const LAST_MS = 30;

/** What became of events that shared a transaction: all are processed, or one has failed and the transaction was rolled back. */
export type Shared = 'settled' | { readonly failed: Delivery | undefined; readonly error: unknown };

/** Handles several events in one transaction, where the store does not let transactions share a commit. */
export class SharedTransactions {
  readonly #context: ConsumerContext;
  readonly #policy: PoisonRule;
  readonly #handlers: EventHandlers;
  /** How many events share a transaction now: more while they are quick. */
  #size: number = EVENTS.min;

  constructor(context: ConsumerContext, policy: PoisonRule, handlers: EventHandlers) {
    this.#context = context;
    this.#policy = policy;
    this.#handlers = handlers;
  }

  get size(): number {
    return this.#size;
  }

  /** Handles all of them in one transaction, in their order. @throws what says nothing about the events */
  run(origin: Origin, deliveries: readonly Delivery[]): Promise<Shared> {
    return this.#context.spans.on ? this.#announced(origin, deliveries) : this.#run(origin, deliveries);
  }

  async #announced(origin: Origin, deliveries: readonly Delivery[]): Promise<Shared> {
    const { spans } = this.#context;
    const begun = deliveries.map((delivery) => spans.begin(delivery));
    try {
      const shared = await this.#run(origin, begun);
      return shared === 'settled' ? shared : { ...shared, failed: deliveries[begun.indexOf(shared.failed as Delivery)] };
    } finally {
      for (const { envelope } of begun) spans.leave(envelope);
    }
  }

  async #run(origin: Origin, deliveries: readonly Delivery[]): Promise<Shared> {
    const { store, subscriber, platform, onOutcome } = this.#context;
    let startedMono = 0;
    let failed: Delivery | undefined;
    let outcomes: EventOutcome[];
    try {
      outcomes = await store.write(
        async (tx) => {
          failed = undefined;
          // Waiting for a connection does not count: fewer events would not shorten it.
          startedMono = platform.clock.monoNow();
          const { open, done } = await this.#open(tx, origin, deliveries);
          await this.#handlers.runAll(tx, open, (delivery) => {
            failed = delivery;
          });
          failed = undefined;
          return done;
        },
        { name: `${subscriber} on ${deliveries.length} events` },
      );
    } catch (error) {
      if (isNotItsFault(error)) throw error;
      if (error instanceof Interleaved) return this.#run(origin, deliveries);
      this.#size = EVENTS.min;
      return { failed, error };
    }
    const tookMs = platform.clock.monoNow() - startedMono;
    this.#size = Math.min(EVENTS.max, Math.max(EVENTS.min, tookMs < LAST_MS ? this.#size * 2 : this.#size >> 1));
    const stop = platform.point('consumer.handled');
    if (stop) await stop;
    for (const [i, { envelope }] of deliveries.entries()) onOutcome?.(outcomes[i] as EventOutcome, envelope);
    return 'settled';
  }

  /** Takes the events over. @returns those whose handlers are to be run, and what becomes of each if they succeed */
  async #open(tx: Tx, origin: Origin, deliveries: readonly Delivery[]): Promise<{ open: Delivery[]; done: EventOutcome[] }> {
    const { subscriber } = this.#context;
    // Sent at once, and executed in this order: the rows in the inbox come first.
    const [fresh, blocked] = await Promise.all([
      takeOverAll(tx, subscriber, deliveries),
      this.#policy.blockedOf(tx, subscriber, deliveries),
      origin.check(tx),
    ]);
    const open: Delivery[] = [];
    const done: EventOutcome[] = [];
    for (const delivery of deliveries) {
      const { envelope } = delivery;
      if (!fresh.delete(envelope.id)) done.push('duplicate');
      else if (blocked.has(envelope.key)) {
        await park(tx, subscriber, envelope);
        done.push('parked');
      } else {
        open.push(delivery);
        done.push('handled');
      }
    }
    return { open, done };
  }
}
