import type { Platform } from '../../platform/index.ts';
import type { Store, Tx } from '../../store/index.ts';
import type { Missed } from '../bus.ts';
import type { Envelope } from '../envelope.ts';
import type { Failure, PoisonPolicy } from './parking.ts';

/** Handles one event inside the subscriber's own transaction. What it throws rolls back what it wrote. */
export type EventHandler = (envelope: Envelope, tx: Tx) => Promise<void>;

export interface ConsumerOptions {
  readonly platform: Platform;
  /** The subscriber's own store: effect, deduplication and progress commit together in it. */
  readonly store: Store;
  /** The name under which the inbox remembers what was handled. */
  readonly subscriber: string;
  readonly handlers: ReadonlyMap<string, EventHandler>;
  readonly retry?: RetryPolicy;
  /** Default: `park-key`. */
  readonly poison?: PoisonPolicy;
  /** Called in the transaction in which the subscription halts: whoever is to be told is told if, and only if, it does. */
  readonly onHalt?: (tx: Tx, envelope: Envelope, failure: Failure) => Promise<void>;
  /** Told when events that the group has not had were deleted at their source. */
  readonly onMissed?: (missed: Missed) => void;
  /** Told when the background work failed; it is tried again. */
  readonly onError?: (error: unknown) => void;
  /** @param attempt which attempt has failed, from 1 */
  readonly onOutcome?: (outcome: EventOutcome, envelope: Envelope, failure?: Failure, attempt?: number) => void;
}

export interface RetryPolicy {
  /** How often a handler is started for one event before the event becomes a dead letter. */
  readonly maxAttempts: number;
  readonly baseMs: number;
  readonly capMs: number;
}

export type EventOutcome = 'handled' | 'duplicate' | 'parked' | 'retrying' | 'dead' | 'halted';

/** Eight starts over about 13 seconds: long enough for a restart of what the handler needs, short enough to be told. */
export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 8, baseMs: 100, capMs: 10_000 };
