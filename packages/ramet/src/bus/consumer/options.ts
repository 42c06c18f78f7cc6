import type { Platform } from '../../platform/index.ts';
import type { Store, Tx } from '../../store/index.ts';
import type { Instrument } from '../../telemetry/index.ts';
import type { Missed } from '../bus.ts';
import type { Envelope } from '../envelope.ts';
import type { DeliverySpans } from './delivery-spans.ts';
import type { HandlerFailure } from './failure.ts';

/** Handles one event inside the subscriber's own transaction. What it throws rolls back what it wrote. */
export type EventHandler = (envelope: Envelope, tx: Tx) => Promise<void>;

/**
 * What becomes of a subscription when one of its events cannot be handled:
 * - `park-key`: later events of the key wait behind it, in their order; other keys continue;
 * - `skip`: nothing waits; events of one key may overtake each other;
 * - `halt`: nothing behind it in its partition is handled until an operator has decided.
 */
export type PoisonPolicy = 'park-key' | 'skip' | 'halt';

/** Describes the consuming side of one group. */
export interface ConsumerOptions {
  readonly platform: Platform;
  /** The subscriber's own store: effect, deduplication and progress commit together in it. */
  readonly store: Store;
  /** The name under which the inbox remembers what was handled. */
  readonly subscriber: string;
  readonly handlers: ReadonlyMap<string, EventHandler>;
  /** Listens to what becomes of events. */
  readonly instrument?: Instrument;
  readonly retry?: RetryPolicy;
  /** Default: `park-key`. */
  readonly poison?: PoisonPolicy;
  /** Called in the transaction in which the subscription halts: what it writes is committed if, and only if, it halts. */
  readonly onHalt?: (tx: Tx, envelope: Envelope, failure: HandlerFailure) => Promise<void>;
  /** Called when events that the group has not had were deleted at their source. */
  readonly onMissed?: (missed: Missed) => void;
  /** Called when the background work failed; it is tried again. */
  readonly onError?: (error: unknown) => void;
  /** @param attempt which attempt has failed, from 1 */
  readonly onOutcome?: (outcome: EventOutcome, envelope: Envelope, failure?: HandlerFailure, attempt?: number) => void;
}

/** Says how often and how soon a failed event is tried again. */
export interface RetryPolicy {
  /** How often a handler is started for one event before the event becomes a dead letter. */
  readonly maxAttempts: number;
  readonly baseMs: number;
  readonly capMs: number;
}

/** Says what became of an event that was delivered. */
export type EventOutcome = 'handled' | 'duplicate' | 'parked' | 'retrying' | 'dead' | 'halted';

/** Eight starts over about 13 seconds: long enough for a restart of what the handler needs, short enough to be noticed. */
export const DEFAULT_RETRY: RetryPolicy = { maxAttempts: 8, baseMs: 100, capMs: 10_000 };

/** What the parts of one consumer share. */
export interface ConsumerContext extends ConsumerOptions {
  readonly retry: RetryPolicy;
  readonly spans: DeliverySpans;
  /** Has the retry worker look now: something became due. */
  readonly wakeRetries: () => void;
}
