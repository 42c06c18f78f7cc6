import { RametError } from '../../errors/index.ts';
import { DAY, type Duration, durationMs, MINUTE, Periodic, type Platform, steadyBackoffMs } from '../../platform/index.ts';
import type { Batch, Bus, BusCapabilities, Delivery, Subscription } from '../bus.ts';
import type { Envelope } from '../envelope.ts';
import type { BusEnvironment, BusFactory } from '../factory.ts';
import type { Outbox, OutboxRetention } from '../outbox.ts';

const BATCH_MAX = 500;
/** Wake-ups are immediate; this is the net under them. */
const POLL_MS = 5_000;
/** How often a subscription that stands still looks whether somebody has resumed it. */
const STANDSTILL_MS = 1_000;
/** How long an event is kept at least that every group has: not less than an inbox remembers. */
const KEEP_MS = 14 * DAY;
const PRUNE_EVERY_MS = 10 * MINUTE;
const BACKOFF = { baseMs: 100, capMs: 10_000 };

const capabilities: BusCapabilities = { name: 'embedded', order: 'key', durable: true, remote: false, replay: true };

export interface EmbeddedOptions {
  /**
   * How long events stay that every group has settled, for groups that are new and for readers from outside (default `14d`).
   * `forever` where groups of other processes read these outboxes.
   */
  readonly keep?: Duration | 'forever';
}

/**
 * The bus within one process: the outboxes themselves are the log, and each group reads them in place from its own
 * checkpoint. Nothing is copied, so nothing can be lost on the way. Events are deleted when every group of this process has
 * settled them and they are older than `keep`; a group that is new learns how many it cannot have.
 * @throws RangeError when `keep` is no duration
 */
export function embedded({ keep }: EmbeddedOptions = {}): BusFactory {
  const keepMs = keep === undefined ? KEEP_MS : keep === 'forever' ? undefined : durationMs(keep);
  return { capabilities, create: (environment) => createEmbedded(environment, keepMs) };
}

interface Group {
  readonly subscription: Subscription;
  readonly readers: Reader[];
}

const reads = ({ subscription }: Group, outbox: Outbox): boolean =>
  [...subscription.topics].some((topic) => topic.startsWith(`${outbox.service}.`));

function createEmbedded(environment: BusEnvironment, keepMs: number | undefined): Bus {
  const outboxes: Outbox[] = [];
  const groups = new Set<Group>();
  const pruners: Periodic[] = [];
  const join = (group: Group, outbox: Outbox) => {
    if (!reads(group, outbox)) return;
    for (let p = 0; p < outbox.partitions; p++) group.readers.push(new Reader(environment, outbox, p, group.subscription));
  };
  return {
    capabilities,
    attach(outbox) {
      outboxes.push(outbox);
      for (const group of groups) join(group, outbox);
      if (keepMs === undefined || !outbox.retention) return;
      const pruner = prunerOf(environment, outbox, outbox.retention, groups, keepMs);
      pruners.push(pruner);
      pruner.start();
    },
    consume(subscription) {
      const group: Group = { subscription, readers: [] };
      groups.add(group);
      for (const outbox of outboxes) join(group, outbox);
      return {
        async stop() {
          groups.delete(group);
          await Promise.all(group.readers.map((reader) => reader.stop()));
        },
      };
    },
    async close() {
      await Promise.all(pruners.map((pruner) => pruner.stop()));
      await Promise.all([...groups].flatMap((group) => group.readers.map((reader) => reader.stop())));
      groups.clear();
    },
  };
}

/** Deletes from an outbox, now and then, what every group has settled and nobody new may ask for any more. */
function prunerOf(
  { platform, onError }: BusEnvironment,
  outbox: Outbox,
  retention: OutboxRetention,
  groups: ReadonlySet<Group>,
  keepMs: number,
): Periodic {
  let first = true;
  return new Periodic(
    platform,
    async () => {
      // Whoever starts now has not said yet that he reads.
      if (first) {
        first = false;
        return PRUNE_EVERY_MS;
      }
      let more = false;
      for (let p = 0; p < outbox.partitions; p++) more = (await retention.prune(p, await settledByAll(outbox, p, groups), keepMs)) || more;
      return more ? 0 : PRUNE_EVERY_MS;
    },
    (error) => onError(error, { outbox: outbox.service, doing: 'retention' }),
  );
}

/** The lowest position that some group has settled; what lies behind it is still needed. */
async function settledByAll(outbox: Outbox, p: number, groups: ReadonlySet<Group>): Promise<number> {
  let lowest = await outbox.head(p);
  for (const group of groups) if (reads(group, outbox)) lowest = Math.min(lowest, await group.subscription.sink.settled(outbox.service, p));
  return lowest;
}

/** Follows one partition of one outbox for one group. */
class Reader {
  readonly #platform: Platform;
  readonly #environment: BusEnvironment;
  readonly #outbox: Outbox;
  readonly #p: number;
  readonly #subscription: Subscription;
  readonly #forget: () => void;
  readonly #finished: Promise<void>;
  #stopping = false;
  #dirty = true;
  #backingOff = false;
  #wake: (() => void) | undefined;

  constructor(environment: BusEnvironment, outbox: Outbox, p: number, subscription: Subscription) {
    this.#platform = environment.platform;
    this.#environment = environment;
    this.#outbox = outbox;
    this.#p = p;
    this.#subscription = subscription;
    this.#forget = outbox.onAppend(() => this.#rouse());
    this.#finished = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#forget();
    this.#wake?.();
    await this.#finished;
  }

  /** There is something new, which a reader that backs off from a failure does not need to hear. */
  #rouse(): void {
    this.#dirty = true;
    if (!this.#backingOff) this.#wake?.();
  }

  async #follow(): Promise<void> {
    let cursor: number | undefined;
    let failures = 0;
    while (!this.#stopping) {
      try {
        cursor ??= await this.#begin();
        this.#dirty = false;
        const batch = await this.#read(cursor);
        if (batch) {
          await this.#subscription.sink.deliver(batch);
          cursor = batch.through;
          // A long way to catch up must not keep timers and sockets from their turn.
          await this.#platform.timers.yield();
        } else if (!this.#dirty && !this.#stopping) await this.#idle(POLL_MS);
        failures = 0;
      } catch (error) {
        if (error instanceof RametError && error.code === 'SubscriptionHalted') {
          await this.#pause(error.retryAfterMs ?? STANDSTILL_MS);
          // It has settled what lies before the event that it stands at, which may be deleted by now.
          cursor = undefined;
          continue;
        }
        failures++;
        this.#environment.onError(error, { group: this.#subscription.group, source: this.#outbox.service, partition: this.#p, failures });
        if (error instanceof RametError && error.code === 'PositionGap') return;
        await this.#pause(steadyBackoffMs(this.#platform, BACKOFF, failures));
      }
    }
  }

  /** Where to go on. A source that is behind what it has already given was restored from an older copy: its new events would pass for old ones. */
  async #begin(): Promise<number> {
    const { sink } = this.#subscription;
    const checkpoint = await sink.checkpoint(this.#outbox.service, this.#p);
    const head = await this.#outbox.head(this.#p);
    if (checkpoint > head) {
      throw new RametError(
        'PositionGap',
        `the outbox of '${this.#outbox.service}', partition ${this.#p}, ends at ${head}, but '${this.#subscription.group}' has read up to ${checkpoint}; restore all stores from the same moment`,
      );
    }
    const pruned = (await this.#outbox.retention?.prunedTo(this.#p)) ?? 0;
    if (checkpoint >= pruned) return checkpoint;
    await sink.missed({ source: this.#outbox.service, p: this.#p, after: checkpoint, through: pruned });
    return pruned;
  }

  async #read(cursor: number): Promise<Batch | undefined> {
    const rows = await this.#outbox.read(this.#p, cursor, BATCH_MAX);
    const last = rows.at(-1);
    if (!last) return undefined;
    const deliveries: Delivery[] = [];
    for (const row of rows) {
      if (this.#subscription.topics.has(row.type)) deliveries.push({ pos: row.pos, envelope: JSON.parse(row.envelope) as Envelope });
    }
    return { source: this.#outbox.service, p: this.#p, through: last.pos, deliveries };
  }

  /** Waits whatever is published meanwhile. */
  async #pause(delayMs: number): Promise<void> {
    this.#backingOff = true;
    if (!this.#stopping) await this.#idle(delayMs);
    this.#backingOff = false;
  }

  #idle(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#platform.timers.set(delayMs, done);
      const wake = this;
      function done() {
        timer.cancel();
        wake.#wake = undefined;
        resolve();
      }
      this.#wake = done;
    });
  }
}
