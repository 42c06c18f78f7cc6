import type { Envelope } from './envelope.ts';
import type { Outbox } from './source/outbox.ts';

/**
 * Carries events from the outboxes of services to the groups that consume them.
 *
 * Delivery is at least once. Within one partition of one source, a group is given events in order, and the next batch only
 * when the one before has been taken. A group that was away goes on where it was; a new group begins at the beginning.
 * The order of calls of `attach` and `consume` does not matter. An adapter never looks into `data`.
 */
export interface Bus {
  readonly capabilities: BusCapabilities;
  /**
   * Makes the events of a service available, those that wait in its outbox included. `stop` resolves when the bus no longer uses the
   * outbox; its events wait there until an outbox of that service is attached again.
   */
  attach(outbox: Outbox): { stop(): Promise<void> };
  /** Gives `sink` every event of `topics` until stopped. `stop` resolves when no delivery is under way. */
  consume(subscription: Subscription): { stop(): Promise<void> };
  /**
   * How many events a group has still to settle, over all the partitions that it reads, whoever in the group has them. Events
   * that have not left the process of their source are counted there only.
   * @throws RametError Unavailable while an outbox that it must count is detached
   */
  lag(subscription: Subscription): Promise<number>;
  close(): Promise<void>;
}

export interface Subscription {
  /** The name under which progress is kept; members of one group share the events. */
  readonly group: string;
  readonly topics: ReadonlySet<string>;
  readonly sink: Sink;
}

export interface Sink {
  /**
   * This process has the partition from now on: what was known of it is read again, and what an earlier owner still writes is
   * refused. Only where replicas share a group.
   * @param epoch higher than that of whoever had it before; left out, the group's store takes the next one
   * @throws RametError ClaimLost when somebody has it under a higher one
   */
  begin(source: string, p: number, epoch?: number): Promise<void>;
  /** This process has the partition no more: how far it came is written down and forgotten. No delivery is under way. */
  end(source: string, p: number): Promise<void>;
  /** The last position of this partition that the group has settled. Adapters whose broker keeps offsets need not ask. */
  checkpoint(source: string, p: number): Promise<number>;
  /** As {@link checkpoint}, and nothing asks for what lies before it again, a restart of the group neither: it may be deleted. */
  settled(source: string, p: number): Promise<number>;
  /** Told that the group cannot have some events of a partition, because they were deleted before it asked for them. */
  missed(missed: Missed): Promise<void>;
  /**
   * Takes events of one partition, in order. Resolves when each is settled (handled, parked, or a dead letter) in the
   * group's own store; only then may the adapter acknowledge. Rejects when the store is away, and with `SubscriptionHalted`
   * while the group stands at an event of this partition: deliver the same again later, after `retryAfterMs` where it says so.
   * Rejects with `ShuttingDown` when the batch has ended: what is settled by then is written down, and the rest comes again.
   * Rejects with `ClaimLost` when another replica has begun with the partition: it is no matter of this process any more.
   * `through` is the last position read, which may lie behind the last event where topics of no interest were left out.
   */
  deliver(batch: Batch): Promise<void>;
}

/** Positions behind `after`, up to and with `through`, are gone. */
export interface Missed {
  readonly source: string;
  readonly p: number;
  readonly after: number;
  readonly through: number;
}

export interface Batch {
  readonly source: string;
  readonly p: number;
  readonly through: number;
  readonly deliveries: readonly Delivery[];
  /** Whether nobody waits for the rest of it any more. */
  readonly ended?: () => boolean;
}

export interface Delivery {
  readonly pos: number;
  readonly envelope: Envelope;
  /** Why it cannot be handled although it came: it becomes a dead letter. */
  readonly refused?: string;
}

export interface BusCapabilities {
  readonly name: string;
  /** What stays in order: the events of a source with the same key, or only those of them that have the same topic. */
  readonly order: 'key' | 'topic-key';
  /** Whether an acknowledged event survives the loss of power. */
  readonly durable: boolean;
  /** Whether groups in other processes are reached. */
  readonly remote: boolean;
  /** Whether a new group gets events from before it existed. */
  readonly replay: boolean;
}
