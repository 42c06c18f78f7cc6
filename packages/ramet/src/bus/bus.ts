import type { Envelope } from './envelope.ts';
import type { Outbox } from './source/outbox.ts';

/**
 * Carries events from the outboxes of services to the groups that consume them.
 *
 * Delivery is at least once. A bus is a log or a queue: see {@link LogSink} and {@link QueueSink}.
 * A group that was stopped continues where it was. A new group begins at the beginning where the bus can replay.
 * The order of calls of `attach` and `consume` does not matter. An adapter never looks into `data`.
 */
export interface Bus {
  readonly capabilities: BusCapabilities;
  /**
   * Makes the events of a service available, including those that already wait in its outbox. `stop` resolves when the bus no
   * longer uses the outbox; its events wait there until an outbox of that service is attached again.
   */
  attach(outbox: Outbox): { stop(): Promise<void> };
  /** Gives the subscription every event of its topics until stopped. `stop` resolves when no delivery is under way. */
  consume(subscription: Subscription): { stop(): Promise<void> };
  /**
   * Counts the events that a group has not settled, over all members of the group. Events that have not left the process of
   * their source are counted there only.
   * @throws RametError Unavailable while an outbox that it must count is detached
   */
  lag(subscription: Subscription): Promise<number>;
  close(): Promise<void>;
}

/** Names a group, what it takes, and where it takes it. */
export interface Subscription {
  /** The name under which progress is kept; members of one group share the events. */
  readonly group: string;
  readonly topics: ReadonlySet<string>;
  readonly sink: Sink;
}

/** The consuming side of a group. */
export interface Sink extends LogSink {
  /** Takes messages of a bus that is a queue; absent where the group needs positions. */
  readonly queue?: QueueSink;
}

/**
 * The consuming side of a log: partitions with dense positions, each owned by one process of the group at a time. Events of a
 * partition arrive in order, and the next batch only after the one before was processed. The group's own store keeps the position.
 */
export interface LogSink {
  /**
   * Takes a partition: reads again what was known of it, and refuses what an earlier owner still writes. Only where
   * replicas share a group.
   * @param epoch higher than that of the owner before; if absent, the group's store takes the next one
   * @throws RametError ClaimLost when another process owns it under a higher epoch
   */
  begin(log: string, p: number, epoch?: number): Promise<void>;
  /** Gives a partition back: writes its position down and forgets it. No delivery is under way. */
  end(log: string, p: number): Promise<void>;
  /** The last position of this partition that the group has settled. Adapters whose broker keeps offsets need not call it. */
  checkpoint(log: string, p: number): Promise<number>;
  /** As {@link checkpoint}, but durable: not even a restart of the group reads earlier events again, so they may be deleted. */
  settled(log: string, p: number): Promise<number>;
  /** Called when events of a partition were deleted before the group had them. */
  missed(missed: Missed): Promise<void>;
  /**
   * Takes events of one partition, in order. Resolves when each is processed (handled, parked, or a dead letter) in the group's
   * own store; only then may the adapter acknowledge. When it rejects, deliver the same again later, after `retryAfterMs` if the
   * error has one. It rejects
   * - with `StoreUnavailable` while the group's store is unavailable;
   * - with `SubscriptionHalted` while the group is halted at an event of this partition;
   * - with `ShuttingDown` when the batch has ended: what was processed is written down, the rest must be delivered again;
   * - with `ClaimLost` when another replica has begun with the partition: this process must not deliver it any more.
   */
  deliver(batch: Batch): Promise<void>;
}

/**
 * The consuming side of a queue: messages one by one, several at once, possibly to competing processes, each acknowledged alone.
 * The broker must not drop a message by its own count of deliveries: dead letters belong to the group.
 */
export interface QueueSink {
  /** Which messages are taken one after another, in the order of their arrival: those of one lane. */
  laneOf(message: QueuedMessage): string;
  /**
   * Takes one message. When it rejects, offer the same message again later, after `retryAfterMs` if the error has one. It rejects
   * - with `StoreUnavailable` while the group's store is unavailable;
   * - with `SubscriptionHalted` while the group waits before its next attempt at this event, or for an operator;
   * - with `ShuttingDown` when the message has ended before its handler was started.
   * @returns `settled` (handled, parked, or a dead letter) in the group's own store: only then may the adapter acknowledge;
   *   `elsewhere` while the group is halted at another event: the message must go back to the queue, which may hold that event
   */
  take(message: QueuedMessage): Promise<'settled' | 'elsewhere'>;
  /** Notes that messages go back to the queue without a start, so that their next delivery is not suspected of a crash. */
  returned(messages: readonly QueuedMessage[]): Promise<void>;
}

/** Is a message of a queue, with what its broker says about it. */
export interface QueuedMessage extends SourcePosition {
  readonly envelope: Envelope;
  /** How often the broker has delivered this message, including this time: from 1. */
  readonly deliveries: number;
  /** Why it cannot be handled although it arrived: it becomes a dead letter. */
  readonly refused?: string;
  /** Whether the process has stopped waiting for it. */
  readonly ended?: () => boolean;
}

/** Where an event is in the outbox of its source. Absent where its producer does not say so. */
export interface SourcePosition {
  readonly sourceP?: number | undefined;
  readonly sourcePos?: number | undefined;
}

/** Positions behind `after`, up to and including `through`, are gone. */
export interface Missed {
  readonly log: string;
  readonly p: number;
  readonly after: number;
  readonly through: number;
}

/** Is what a log gives a group at once: events of one partition, in order. */
export interface Batch {
  /** The name of the log: that of a service where the log is its outbox, that of a topic on Kafka. */
  readonly log: string;
  readonly p: number;
  /** The last position read: behind the last event where events of other topics were skipped. */
  readonly through: number;
  readonly deliveries: readonly Delivery[];
  /** Whether the process has stopped waiting for the rest of the batch. */
  readonly ended?: () => boolean;
}

/** Is an event at its position in a log. */
export interface Delivery extends SourcePosition {
  readonly pos: number;
  readonly envelope: Envelope;
  /** Why it cannot be handled although it arrived: it becomes a dead letter. */
  readonly refused?: string;
}

/** Says what a bus is able to do. Boot, the suite and the documents read the same object. */
export interface BusCapabilities {
  readonly name: string;
  /** Whether it is a log with positions, or a queue that forgets what was acknowledged. */
  readonly shape: 'log' | 'queue';
  /** What stays in order: events of one source with the same key, only those that also have the same topic, or nothing. */
  readonly order: 'key' | 'topic-key' | 'none';
  /** Whether an acknowledged event survives the loss of power. */
  readonly durable: boolean;
  /** Whether groups in other processes are reached. */
  readonly remote: boolean;
  /** Whether a new group gets events from before it existed. */
  readonly replay: boolean;
}
