import type { Tx } from '../../../store/index.ts';
import type { Delivery } from '../../bus.ts';
import type { HandlerFailure } from '../failure.ts';
import type { GivenUp, Letter } from '../letters.ts';
import type { ConsumerContext, PoisonPolicy } from '../options.ts';
import type { Origin } from '../origin.ts';

/**
 * What a subscription does about events that it cannot handle. A policy keeps no state: what it decides is in tables, so that an
 * event may be replayed under the policy under which it failed although its subscription has another one by now.
 */
export interface PoisonRule {
  readonly name: PoisonPolicy;
  /** Whether events are handled one after another, in the order of their partition, instead of side by side by key. */
  readonly oneByOne: boolean;
  /** Whether an event has to wait because its key is blocked; `false` where no key ever is. */
  isBlocked(tx: Tx, subscriber: string, key: string): Promise<boolean> | false;
  /** As {@link isBlocked} for several events. @returns the keys that are blocked */
  blockedOf(tx: Tx, subscriber: string, deliveries: readonly Delivery[]): Promise<ReadonlySet<string>> | ReadonlySet<string>;
  /**
   * Called in the transaction in which an event is handled, or found to have been.
   * @returns whether the subscription was halted at it
   * @throws RametError SubscriptionHalted when it is halted at it until an operator has decided
   */
  resume(tx: Tx, subscriber: string, origin: Origin, delivery: Delivery): Promise<boolean> | false;
  /**
   * Looks up where a group is halted that takes its events from a queue; counts the attempt if it is halted at this event.
   * @returns which attempt it is, `elsewhere` when the group is halted at another event, `false` when it is not halted
   * @throws RametError SubscriptionHalted before the time of the next attempt, and until an operator has decided
   */
  haltedAttempt(context: ConsumerContext, origin: Origin, eventId: string): Promise<number | 'elsewhere' | false> | false;
  /** Makes an event a dead letter that must not be handled, although it did not fail. */
  refuse(tx: Tx, context: ConsumerContext, event: GivenUp): Promise<void>;
  /** Makes an event a dead letter that has failed too often, or for good. */
  bury(tx: Tx, context: ConsumerContext, event: GivenUp): Promise<void>;
  /**
   * An attempt has failed. Resolves when the event is set aside.
   * @param attempts how many were made
   * @throws RametError SubscriptionHalted when the bus must deliver the event again
   */
  failed(context: ConsumerContext, origin: Origin, delivery: Delivery, failure: HandlerFailure, attempts: number): Promise<void>;
  /**
   * An event has ended the process too often, and is not started once more.
   * @param attempts how many were made
   * @throws as {@link failed}
   */
  giveUp(context: ConsumerContext, origin: Origin, delivery: Delivery, failure: HandlerFailure, attempts: number): Promise<void>;
  /** Gives the event of a dead letter back to its subscriber, or lets the subscription continue without it. */
  release(tx: Tx, letter: Letter, how: 'replay' | 'discard'): Promise<void>;
}
