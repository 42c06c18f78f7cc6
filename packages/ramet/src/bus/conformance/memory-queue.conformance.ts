import { Periodic, type Platform } from '../../platform/index.ts';
import type { Bus, BusCapabilities, Subscription } from '../bus.ts';
import type { Envelope } from '../envelope.ts';
import type { BusEnvironment } from '../factory.ts';
import { leasedTarget } from '../source/leased-target.ts';
import type { Outbox, OutboxRow } from '../source/outbox.ts';
import { type Handed, QueueReader } from '../source/queue-reader.ts';
import { Relay } from '../source/relay.ts';

/** How long a message stays with a consumer that is silent, and how often consumers are heard of. */
const VISIBLE_MS = 400;
const HEARTBEAT_MS = 60;
const LOOK_MS = 20;
/** How many messages a consumer has unacknowledged at most. */
const PREFETCH = 40;
const RELAY = 'memory';

interface Message {
  readonly p: number;
  readonly pos: number;
  readonly text: string;
  /** Messages of one lane are delivered one after another. */
  readonly lane: string;
  deliveries: number;
}

interface Unacknowledged {
  readonly message: Message;
  readonly consumer: Consumer;
}

interface Consumer {
  readonly hand: (handed: Handed) => void;
  readonly unacknowledged: Set<Unacknowledged>;
  heardMono: number;
  paused: boolean;
}

/** The messages of one group, as a broker keeps them: what a silent consumer has not acknowledged is delivered again. */
class Queue {
  readonly #platform: Platform;
  readonly #ordered: boolean;
  readonly #lanes = new Map<string, Message[]>();
  /** Lanes with a message that may be delivered. */
  readonly #ready = new Set<string>();
  readonly #consumers = new Set<Consumer>();
  #count = 0;

  constructor(platform: Platform, ordered: boolean) {
    this.#platform = platform;
    this.#ordered = ordered;
  }

  get length(): number {
    return this.#count;
  }

  add(p: number, { pos, type, key, envelope }: OutboxRow): void {
    const lane = this.#ordered
      ? `${type.slice(0, type.indexOf('.'))}/${key}`
      : `${this.#count}/${p}/${pos}/${this.#platform.random.next()}`;
    const messages = this.#lanes.get(lane);
    const message: Message = { p, pos, text: envelope, lane, deliveries: 0 };
    if (messages) messages.push(message);
    else {
      this.#lanes.set(lane, [message]);
      this.#ready.add(lane);
    }
    this.#count++;
    this.pump();
  }

  connect(hand: (handed: Handed) => void): Consumer {
    const consumer: Consumer = { hand, unacknowledged: new Set(), heardMono: this.#platform.clock.monoNow(), paused: false };
    this.#consumers.add(consumer);
    this.pump();
    return consumer;
  }

  disconnect(consumer: Consumer): void {
    this.#consumers.delete(consumer);
    for (const each of [...consumer.unacknowledged]) this.#release(each);
    this.pump();
  }

  /** Takes from consumers that are silent what they have not acknowledged. */
  expire(): void {
    const nowMono = this.#platform.clock.monoNow();
    for (const consumer of this.#consumers)
      if (nowMono - consumer.heardMono > VISIBLE_MS) for (const each of [...consumer.unacknowledged]) this.#release(each);
    this.pump();
  }

  pump(): void {
    const nowMono = this.#platform.clock.monoNow();
    const takes = (consumer: Consumer) =>
      !consumer.paused && nowMono - consumer.heardMono <= VISIBLE_MS && consumer.unacknowledged.size < PREFETCH;
    while (this.#ready.size > 0) {
      const [idlest] = [...this.#consumers].filter(takes).sort((a, b) => a.unacknowledged.size - b.unacknowledged.size);
      if (!idlest) return;
      this.#deliver(idlest);
    }
  }

  #deliver(consumer: Consumer): void {
    const lane = this.#pick();
    this.#ready.delete(lane);
    const [message] = this.#lanes.get(lane) as [Message];
    message.deliveries++;
    const each: Unacknowledged = { message, consumer };
    consumer.unacknowledged.add(each);
    const { p, pos, text, deliveries } = message;
    consumer.hand({
      message: { envelope: JSON.parse(text) as Envelope, deliveries, sourceP: p, sourcePos: pos },
      ack: async () => this.#acknowledge(each),
      release: async () => {
        this.#release(each);
        this.pump();
      },
    });
  }

  /** The next lane; where there is no order, any of the first few. */
  #pick(): string {
    const ready = this.#ready.values();
    const skipped = this.#ordered ? 0 : Math.floor(this.#platform.random.next() * Math.min(8, this.#ready.size));
    for (let i = 0; i < skipped; i++) ready.next();
    return ready.next().value as string;
  }

  /** The acknowledgement of a consumer that has lost the message says nothing. */
  #acknowledge(each: Unacknowledged): void {
    if (!each.consumer.unacknowledged.delete(each)) return;
    const { lane } = each.message;
    const messages = this.#lanes.get(lane) as Message[];
    messages.shift();
    this.#count--;
    if (messages.length > 0) this.#ready.add(lane);
    else this.#lanes.delete(lane);
    this.pump();
  }

  #release(each: Unacknowledged): void {
    if (each.consumer.unacknowledged.delete(each)) this.#ready.add(each.message.lane);
  }
}

/** A broker with a queue for each group, in memory: what the suite of queues runs on without a server. */
export class MemoryBroker {
  readonly capabilities: BusCapabilities;
  readonly #platform: Platform;
  readonly #queues = new Map<string, { readonly queue: Queue; readonly topics: ReadonlySet<string> }>();
  readonly #expiry: Periodic;

  constructor(platform: Platform, order: 'key' | 'none') {
    this.capabilities = { name: 'memory', shape: 'queue', order, durable: false, remote: true, replay: false };
    this.#platform = platform;
    this.#expiry = new Periodic(platform, async () => {
      for (const { queue } of this.#queues.values()) queue.expire();
      return LOOK_MS;
    });
    this.#expiry.start();
  }

  stop(): Promise<void> {
    return this.#expiry.stop();
  }

  /** Makes the bus of a process. */
  bus(environment: BusEnvironment): Bus {
    const sources = new Map<Outbox, { stop(): Promise<void> }>();
    const groups = new Set<{ stop(): Promise<void> }>();
    return {
      capabilities: this.capabilities,
      attach: (outbox) => {
        const target = leasedTarget(environment, outbox.progress as NonNullable<typeof outbox.progress>, RELAY, async (p, rows) =>
          this.#publish(p, rows),
        );
        const relay = new Relay(environment, outbox, target);
        const source = {
          async stop() {
            sources.delete(outbox);
            await relay.stop();
            await target.release().catch((error: unknown) => environment.onError(error, { doing: 'giving back a relay' }));
          },
        };
        sources.set(outbox, source);
        return source;
      },
      consume: (subscription) => {
        const group = this.#consume(environment, subscription);
        groups.add(group);
        return group;
      },
      lag: async ({ group, topics }) => {
        let lag = this.#queues.get(group)?.queue.length ?? 0;
        for (const outbox of sources.keys()) {
          if (![...topics].some((topic) => topic.startsWith(`${outbox.service}.`))) continue;
          const relayed = await outbox.progress?.positions(RELAY);
          for (const { p, head } of await outbox.ends()) lag += head - (relayed?.get(p) ?? 0);
        }
        return lag;
      },
      close: async () => {
        await Promise.all([...groups].map((group) => group.stop()));
        await Promise.all([...sources.values()].map((source) => source.stop()));
      },
    };
  }

  #publish(p: number, rows: readonly OutboxRow[]): void {
    for (const row of rows) for (const { queue, topics } of this.#queues.values()) if (topics.has(row.type)) queue.add(p, row);
  }

  #consume(environment: BusEnvironment, subscription: Subscription): { stop(): Promise<void> } {
    const { group, topics } = subscription;
    const queue = this.#queues.get(group)?.queue ?? new Queue(this.#platform, this.capabilities.order === 'key');
    this.#queues.set(group, { queue, topics });
    const reader = new QueueReader(environment, subscription);
    const consumer = queue.connect((handed) => reader.offer(handed));
    const heartbeat = new Periodic(environment.platform, async () => {
      consumer.heardMono = this.#platform.clock.monoNow();
      return HEARTBEAT_MS;
    });
    heartbeat.start();
    let stopped: Promise<void> | undefined;
    const stop = async () => {
      consumer.paused = true;
      await reader.stop();
      await heartbeat.stop();
      queue.disconnect(consumer);
    };
    return {
      stop: () => {
        stopped ??= stop();
        return stopped;
      },
    };
  }
}
