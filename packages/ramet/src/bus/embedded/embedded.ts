import { RametError } from '../../errors/index.ts';
import { type Platform, steadyBackoffMs } from '../../platform/index.ts';
import type { Batch, Bus, BusCapabilities, Delivery, Subscription } from '../bus.ts';
import type { Envelope } from '../envelope.ts';
import type { BusEnvironment, BusFactory } from '../factory.ts';
import type { Outbox } from '../outbox.ts';

const BATCH_MAX = 500;
/** Wake-ups are immediate; this is the net under them. */
const POLL_MS = 1_000;
const BACKOFF = { baseMs: 100, capMs: 10_000 };

const capabilities: BusCapabilities = { name: 'embedded', order: 'key', durable: true, remote: false, replay: true };

/**
 * The bus within one process: the outboxes themselves are the log, and each group reads them in place from its own
 * checkpoint. Nothing is copied, so nothing can be lost on the way.
 */
export function embedded(): BusFactory {
  return { capabilities, create: (environment) => createEmbedded(environment) };
}

function createEmbedded(environment: BusEnvironment): Bus {
  const outboxes: Outbox[] = [];
  const groups = new Set<{ subscription: Subscription; readers: Reader[] }>();
  const join = (group: { subscription: Subscription; readers: Reader[] }, outbox: Outbox) => {
    if (![...group.subscription.topics].some((topic) => topic.startsWith(`${outbox.service}.`))) return;
    for (let p = 0; p < outbox.partitions; p++) group.readers.push(new Reader(environment, outbox, p, group.subscription));
  };
  return {
    capabilities,
    attach(outbox) {
      outboxes.push(outbox);
      for (const group of groups) join(group, outbox);
    },
    consume(subscription) {
      const group = { subscription, readers: [] as Reader[] };
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
      await Promise.all([...groups].flatMap((group) => group.readers.map((reader) => reader.stop())));
      groups.clear();
    },
  };
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
        failures++;
        this.#environment.onError(error, { group: this.#subscription.group, source: this.#outbox.service, partition: this.#p, failures });
        if (error instanceof RametError && error.code === 'PositionGap') return;
        this.#backingOff = true;
        if (!this.#stopping) await this.#idle(steadyBackoffMs(this.#platform, BACKOFF, failures));
        this.#backingOff = false;
      }
    }
  }

  /** Where to go on. A source that is behind what it has already given was restored from an older copy: its new events would pass for old ones. */
  async #begin(): Promise<number> {
    const checkpoint = await this.#subscription.sink.checkpoint(this.#outbox.service, this.#p);
    const head = await this.#outbox.head(this.#p);
    if (checkpoint > head) {
      throw new RametError(
        'PositionGap',
        `the outbox of '${this.#outbox.service}', partition ${this.#p}, ends at ${head}, but '${this.#subscription.group}' has read up to ${checkpoint}; restore all stores from the same moment`,
      );
    }
    return checkpoint;
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
