import type { Tx } from '../../store/index.ts';
import type { Delivery } from '../bus.ts';

/** Where deliveries come from: a partition of a log that this process owns, or a queue. */
export interface Origin {
  /** The name of the log, or of the queue. */
  readonly log: string;
  readonly p: number;
  /** The event whose attempt was counted and then not made, because the store was unavailable. */
  unspent: string | undefined;
  /** Refuses what a process does that owned the partition before. @throws RametError ClaimLost */
  check(tx: Tx): Promise<void>;
  /**
   * As {@link check}, and keeps it so until the transaction has ended: for what is written of an event that is not in the inbox,
   * where the row of a successor would not stop it.
   * @throws RametError ClaimLost
   */
  hold(tx: Tx): Promise<void>;
  /** When an earlier delivery of the event was handled at the latest, if there was one; undefined when this is the first. */
  maybeHandledAtMs(delivery: Delivery): number | undefined;
  /** Writes down that everything before the delivery is processed, and nothing behind it was started. */
  reached(delivery: Delivery): Promise<void>;
}
