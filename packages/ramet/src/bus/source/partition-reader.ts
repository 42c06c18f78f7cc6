import { RametError } from '../../errors/index.ts';
import { type Platform, steadyBackoffMs, Wakeable } from '../../platform/index.ts';
import type { Batch, Delivery, SourcePosition, Subscription } from '../bus.ts';
import type { Envelope } from '../envelope.ts';
import type { BusEnvironment } from '../factory.ts';
import type { Outbox } from './outbox.ts';

const BATCH_MAX = 500;
/** How often a halted subscription looks whether an operator has resumed it. */
const STANDSTILL_MS = 1_000;
const BACKOFF = { baseMs: 100, capMs: 10_000 };
/** How often a reader checks whether a log that relays are filling has reached its position, and how long the log may make no progress. */
const FILLING_LOOK_MS = 250;
const FILLING_MS = 30_000;

/** An event as it is read: its envelope as text, or parsed already. */
export interface LogRow extends SourcePosition {
  readonly pos: number;
  readonly type: string;
  readonly envelope: string | Envelope;
  readonly refused?: string;
}

/** What is read like an outbox: the events of one source in partitions, each with positions that have no holes. */
export interface SourceLog {
  /** That of the service where the log is an outbox, that of the topic on Kafka. */
  readonly name: string;
  /**
   * Whether relays fill it from outboxes. One that is new, because the bus of existing stores was changed, has at first less than its
   * groups have settled.
   */
  readonly relayed?: boolean;
  /** Whether its partitions and positions are those of the outbox of its source. */
  readonly ofSource?: boolean;
  /** Events behind position `after` of partition `p`, in order. @throws RametError PositionGap when one is missing */
  read(p: number, after: number, limit: number): Promise<readonly LogRow[]>;
  /** The newest position of partition `p`; 0 when it has no event. */
  head(p: number): Promise<number>;
  /** The position up to which partition `p` was deleted; 0 while it is whole. */
  prunedTo(p: number): Promise<number>;
  /** Calls `wake` when partition `p` may have new events. A hint. */
  onAppend(p: number, wake: () => void): () => void;
}

/** An outbox as a log. */
export const logOf = (outbox: Outbox): SourceLog => ({
  name: outbox.service,
  ofSource: true,
  read: (p, after, limit) => outbox.read(p, after, limit),
  head: (p) => outbox.head(p),
  prunedTo: async (p) => (await outbox.retention?.prunedTo(p)) ?? 0,
  onAppend: (p, wake) =>
    outbox.onAppend((partitions) => {
      if (!partitions || partitions.includes(p)) wake();
    }),
});

/** Says what a reader follows, for which group, and how. */
export interface ReaderOptions {
  readonly log: SourceLog;
  readonly p: number;
  readonly subscription: Subscription;
  /** How long at most until new events are seen without a hint. */
  readonly pollMs: number;
  /** Takes the partition before anything is read; called until it succeeds. */
  readonly begin?: () => Promise<void>;
  /** Called when another replica owns the partition: this reader has ended. */
  readonly onLost?: () => void;
}

/** Follows one partition of one source for one group, from the group's own checkpoint. */
export class PartitionReader {
  readonly #platform: Platform;
  readonly #environment: BusEnvironment;
  readonly #options: ReaderOptions;
  readonly #forget: () => void;
  readonly #finished: Promise<void>;
  #stopping = false;
  #begun = false;
  /** Where the log ended when it was found to be behind the group, and since when it has ended there. */
  #filling: { readonly head: number; readonly sinceMono: number } | undefined;
  /** There may be new events. */
  readonly #news: Wakeable;
  /** The reader must end. */
  readonly #end: Wakeable;

  constructor(environment: BusEnvironment, options: ReaderOptions) {
    this.#platform = environment.platform;
    this.#news = new Wakeable(environment.platform);
    this.#end = new Wakeable(environment.platform);
    this.#environment = environment;
    this.#options = options;
    this.#forget = options.log.onAppend(options.p, () => this.#news.wake());
    this.#finished = this.#follow();
  }

  /** Resolves when no delivery is under way. */
  async stop(): Promise<void> {
    this.#stopping = true;
    this.#forget();
    this.#news.wake();
    this.#end.wake();
    await this.#finished;
  }

  async #follow(): Promise<void> {
    const { log, p, subscription, pollMs, onLost } = this.#options;
    let cursor: number | undefined;
    let failures = 0;
    while (!this.#stopping) {
      try {
        cursor ??= await this.#begin();
        if (cursor === undefined) {
          await this.#end.sleep(FILLING_LOOK_MS);
          continue;
        }
        // Stopped meanwhile: a log that waits for events has released its readers already, and would keep this one.
        if (this.#stopping) return;
        this.#news.reset();
        const batch = await this.#read(cursor);
        if (batch) {
          await subscription.sink.deliver(batch);
          cursor = batch.through;
          // A long way to catch up must not keep timers and sockets from their turn.
          await this.#platform.timers.yield();
        } else if (!this.#stopping) await this.#news.sleep(pollMs);
        failures = 0;
      } catch (error) {
        const code = error instanceof RametError ? error.code : undefined;
        if (code === 'ClaimLost' && onLost) {
          this.#forget();
          return onLost();
        }
        if (code === 'SubscriptionHalted') {
          await this.#end.sleep((error as RametError).retryAfterMs ?? STANDSTILL_MS);
          // It has processed the events before its halt, which may be deleted by now.
          cursor = undefined;
          continue;
        }
        if (code === 'PositionGap' && cursor !== undefined && (await this.#prunedTo()) > cursor) {
          cursor = undefined;
          continue;
        }
        if (this.#stopping && code === 'ShuttingDown') return;
        failures++;
        this.#environment.onError(error, { group: subscription.group, log: log.name, partition: p, failures });
        // A log that relays fill may be filled later.
        if (code === 'PositionGap' && !log.relayed) return;
        await this.#end.sleep(code === 'PositionGap' ? FILLING_MS : steadyBackoffMs(this.#platform, BACKOFF, failures));
      }
    }
  }

  /** A log that keeps events for a time deletes what a slow reader has not had; whether that is so is asked when one is missing. */
  #prunedTo(): Promise<number> {
    return this.#options.log.prunedTo(this.#options.p).catch(() => 0);
  }

  /** Where to continue; undefined while a log that relays fill has not reached that position. A source that is behind what it has already given was restored from an older copy: its new events would pass for old ones. */
  async #begin(): Promise<number | undefined> {
    const { log, p, subscription, begin } = this.#options;
    const { group, sink } = subscription;
    if (!this.#begun) await begin?.();
    this.#begun = true;
    const checkpoint = await sink.checkpoint(log.name, p);
    const head = await log.head(p);
    if (checkpoint > head) {
      if (log.relayed && this.#isFilling(head)) return undefined;
      throw new RametError(
        'PositionGap',
        `the events of '${log.name}', partition ${p}, end at ${head}, but '${group}' has read up to ${checkpoint}; restore all stores from the same moment`,
      );
    }
    const pruned = await log.prunedTo(p);
    if (checkpoint >= pruned) return checkpoint;
    await sink.missed({ log: log.name, p, after: checkpoint, through: pruned });
    return pruned;
  }

  /** Whether relays still fill the log. One that is empty may wait for the process of its source. */
  #isFilling(head: number): boolean {
    const nowMono = this.#platform.clock.monoNow();
    if (this.#filling === undefined || head > this.#filling.head) this.#filling = { head, sinceMono: nowMono };
    return head === 0 || nowMono - this.#filling.sinceMono < FILLING_MS;
  }

  async #read(cursor: number): Promise<Batch | undefined> {
    const { log, p, subscription } = this.#options;
    const rows = await log.read(p, cursor, BATCH_MAX);
    const last = rows.at(-1);
    if (!last) return undefined;
    const deliveries: Delivery[] = [];
    for (const row of rows) {
      const { pos, type, envelope, refused } = row;
      if (!subscription.topics.has(type)) continue;
      const parsed = typeof envelope === 'string' ? (JSON.parse(envelope) as Envelope) : envelope;
      const sourceP = log.ofSource ? p : row.sourceP;
      const sourcePos = log.ofSource ? pos : row.sourcePos;
      deliveries.push(
        refused === undefined ? { pos, envelope: parsed, sourceP, sourcePos } : { pos, envelope: parsed, sourceP, sourcePos, refused },
      );
    }
    return { log: log.name, p, through: last.pos, deliveries, ended: () => this.#stopping };
  }
}
