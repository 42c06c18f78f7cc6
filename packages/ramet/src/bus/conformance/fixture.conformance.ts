import { expect } from 'vitest';
import { RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import { migrate, STORE_TABLES, type Store, type Tx } from '../../store/index.ts';
import {
  BUS_TABLES,
  type Bus,
  type BusCapabilities,
  Consumer,
  type ConsumerOptions,
  createOutbox,
  type DeadLetter,
  type Envelope,
  type EventOutcome,
  listDeadLetters,
  type Outbox,
  type OutboxWriter,
  type PoisonPolicy,
  type RetryPolicy,
  replayDeadLetter,
  topicOf,
} from '../index.ts';

/** Where the services and groups of one case are. */
export interface BusPlace {
  readonly platform: Platform;
  /** A bus as a process makes one when it starts; what buses of one place keep outside of themselves, they share. */
  bus(onError: (error: unknown) => void, platform: Platform): Bus;
  /** An empty store for a service or group, without tables. */
  store(service: string): Promise<Store>;
  /** Makes a broker that keeps offsets itself deliver everything to the group again; otherwise the suite rewinds the group's checkpoint. */
  rewind?(group: string): Promise<void>;
  /** Makes a broker take the partitions from all who share a group, as when they are not heard of, where it does not use `platform`. */
  expel?(group: string): Promise<void>;
  /** Whether a process that dies is known to be dead by its silence: then it says nothing more. Otherwise its bus leaves as it can. */
  readonly silent?: boolean;
  dispose(): Promise<void>;
}

/** Attempts so close together that a case need not wait for them. */
export const FAST: RetryPolicy = { maxAttempts: 3, baseMs: 4, capMs: 16 };

/** What a case's handler does with an event before its effect is written: nothing, something slow, or an error. */
export type Handle = (envelope: Envelope, tx: Tx, process: Process) => Promise<void> | void;

export interface GroupOptions {
  readonly sources?: readonly string[];
  readonly topics?: ReadonlySet<string>;
  readonly retry?: RetryPolicy;
  readonly poison?: PoisonPolicy;
  readonly onHalt?: ConsumerOptions['onHalt'];
  readonly onMissed?: ConsumerOptions['onMissed'];
  /** The service whose store the group lives in, where that is not one of its own. */
  readonly home?: string;
  readonly handle?: Handle;
  /** Stands between the group and its store. */
  readonly store?: (store: Store) => Store;
  /** What the bus of this process runs on. */
  readonly platform?: Platform;
  /** Whether this process hosts the sources too (default), or others do. */
  readonly hosts?: boolean;
}

/** A process that hosts one group: started, and then stopped in good order or killed. */
export interface Process {
  readonly consumer: Consumer;
  readonly outcomes: { readonly outcome: EventOutcome; readonly id: string }[];
  /** What the bus reported of its failures. */
  readonly errors: unknown[];
  /** How many events the group has still to settle, as its bus says. */
  lag(): Promise<number>;
  /** Takes the outbox of a source from the bus of this process. */
  detach(source: string): Promise<void>;
  /** Gives it back. */
  attach(source: string): Promise<void>;
  /** Resolves when it has ended; at once when it is killed meanwhile. */
  stop(): Promise<void>;
  killed(): boolean;
  /** Ends the process as SIGKILL does: open transactions roll back, and nothing that it awaits ever comes. */
  kill(): void;
}

/** The error of a transaction whose process was killed in it. */
class Killed extends Error {}

const EFFECTS = {
  name: '0001_effects',
  sql: `create table effects (seq bigint primary key, event_id text not null, source text not null, key text not null, n bigint not null);
    create table effects_counter (seq bigint not null); insert into effects_counter values (0)`,
};

/** What most buses are able to do. */
const LOG: BusCapabilities = { name: 'log', shape: 'log', order: 'key', durable: true, remote: false, replay: true };

/** Services that publish, groups that consume, and the means to stop them, for one case. */
export class BusFixture {
  readonly platform: Platform;
  readonly #place: BusPlace;
  readonly #capabilities: BusCapabilities;
  readonly #stores = new Map<string, Promise<Store>>();
  readonly #outboxes = new Map<string, Promise<OutboxWriter>>();
  readonly #counts = new Map<string, number>();
  readonly #running = new Set<Process>();
  /** What lets go of the connections of processes that were killed. */
  readonly #dead: (() => void)[] = [];

  constructor(place: BusPlace, capabilities: BusCapabilities = LOG) {
    this.#place = place;
    this.#capabilities = capabilities;
    this.platform = place.platform;
  }

  store(service: string): Promise<Store> {
    const known = this.#stores.get(service);
    if (known) return known;
    const opened = this.#place.store(service).then(async (store) => {
      await migrate(store, this.platform, [STORE_TABLES, BUS_TABLES], [EFFECTS]);
      return store;
    });
    this.#stores.set(service, opened);
    return opened;
  }

  /** The one outbox of a service: an append through another one wakes no reader. */
  outbox(source: string): Promise<OutboxWriter> {
    const known = this.#outboxes.get(source) ?? this.store(source).then(createOutbox);
    this.#outboxes.set(source, known);
    return known;
  }

  /** Publishes an event per key, each with the number of its place among the events of its source and key. @returns their ids */
  async publish(source: string, keys: readonly string[], more: Partial<Envelope> = {}): Promise<string[]> {
    const outbox = await this.outbox(source);
    const events = keys.map((key): Envelope => {
      const n = (this.#counts.get(`${source}/${key}`) ?? 0) + 1;
      this.#counts.set(`${source}/${key}`, n);
      return {
        id: `evt_${source}_${key}_${n}`,
        type: topicOf(source, 'changed'),
        version: 1,
        source,
        key,
        timestamp: '2026-07-31T12:00:00.000Z',
        correlationId: `cor_${n}`,
        traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01',
        data: { n },
        ...more,
      };
    });
    const store = await this.store(source);
    for (let i = 0; i < events.length; i += 100) await store.write((tx) => outbox.append(tx, events.slice(i, i + 100)));
    return events.map((event) => event.id);
  }

  /** Starts a process that hosts a group. */
  async start(group: string, options: GroupOptions = {}): Promise<Process> {
    const { sources = ['orders'], retry = FAST, handle } = options;
    const topics = options.topics ?? new Set(sources.map((source) => topicOf(source, 'changed')));
    const { poison, onHalt, onMissed } = options;
    const real = await this.store(options.home ?? group);
    const mortal = mortalStore(options.store?.(real) ?? real);
    const errors: unknown[] = [];
    const outcomes: Process['outcomes'] = [];
    const effect = async (envelope: Envelope, tx: Tx) => {
      await handle?.(envelope, tx, process);
      await writeEffect(tx, envelope);
    };
    const consumer = new Consumer({
      platform: this.platform,
      store: mortal.store,
      subscriber: group,
      handlers: new Map([...topics].map((topic) => [topic, effect])),
      retry,
      ...(poison ? { poison } : {}),
      ...(onHalt ? { onHalt } : {}),
      ...(onMissed ? { onMissed } : {}),
      onOutcome: (outcome, envelope) => outcomes.push({ outcome, id: envelope.id }),
    });
    const { silent } = this.#place;
    const platform = options.platform ?? this.platform;
    const bus: Bus = this.#place.bus((error) => errors.push(error), silent ? mortal.platform(platform) : platform);
    const attached = new Map<string, ReturnType<Bus['attach']>>();
    const attach = async (source: string) => {
      const outbox = await this.outbox(source);
      attached.set(source, bus.attach(silent ? mortal.outbox(outbox) : outbox));
    };
    const attachAll = async () => {
      for (const source of options.hosts === false ? [] : sources) await attach(source);
    };
    if (this.#capabilities.replay) await attachAll();
    consumer.retries.start();
    const subscription = bus.consume({ group, topics, sink: consumer });
    // Where a new group gets no events from before it existed, it has to exist before its sources publish.
    if (!this.#capabilities.replay) await attachAll();
    const end = async () => {
      await subscription.stop();
      await consumer.retries.stop();
      await consumer.flush();
      await bus.close();
    };
    const process: Process = {
      consumer,
      outcomes,
      errors,
      lag: () => bus.lag({ group, topics, sink: consumer }),
      detach: async (source) => attached.get(source)?.stop(),
      attach,
      stop: () => {
        this.#running.delete(process);
        return Promise.race([end(), mortal.killed]);
      },
      killed: mortal.dead,
      kill: () => {
        this.#running.delete(process);
        mortal.kill();
        void consumer.retries.stop();
        const leave = () => {
          void subscription.stop();
          void bus.close();
        };
        if (silent) this.#dead.push(leave);
        else leave();
      },
    };
    this.#running.add(process);
    return process;
  }

  /** Has a group exist before events are published, which matters where a new group gets none from before. */
  async introduce(group: string, options: GroupOptions = {}): Promise<void> {
    if (this.#capabilities.replay) return;
    const process = await this.start(group, { ...options, hosts: false });
    await process.stop();
  }

  /** Has everything delivered to the group once more. Call it while no process hosts the group. */
  async rewind(group: string): Promise<void> {
    if (this.#place.rewind) return this.#place.rewind(group);
    if (this.#capabilities.shape === 'queue') return this.#republish();
    const store = await this.store(group);
    await store.write((tx) => tx.run('update ramet_claims set checkpoint = 0, claimed_to = 0 where subscriber = ?', group));
  }

  /** Has the relays of all sources publish everything again. */
  async #republish(): Promise<void> {
    for (const source of this.#outboxes.keys())
      await (await this.store(source)).write((tx) => tx.run('update ramet_relays set pos = 0, lease_until = 0, owner = null'));
  }

  /** The effects of a group, in the order in which they took place: `<source>/<key>/<n>`. */
  async effects(group: string): Promise<string[]> {
    const store = await this.store(group);
    const rows = await store.reader.all<{ source: string; key: string; n: number }>('select source, key, n from effects order by seq');
    return rows.map(({ source, key, n }) => `${source}/${key}/${n}`);
  }

  /** See {@link BusPlace.expel}. */
  async expel(group: string): Promise<void> {
    await this.#place.expel?.(group);
  }

  async deadLetters(group: string): Promise<DeadLetter[]> {
    return listDeadLetters(await this.store(group));
  }

  /** Replays or discards every dead letter of a group, and has its process look. @returns how many there were */
  async settle(process: Process, group: string, how: 'replay' | 'discard' = 'replay'): Promise<number> {
    const store = await this.store(group);
    const letters = await this.deadLetters(group);
    for (const { id } of letters) await replayDeadLetter(store, id, how);
    process.consumer.retries.wake();
    return letters.length;
  }

  async until(what: string, condition: () => boolean | Promise<boolean>, withinMs = 15_000): Promise<void> {
    const deadlineMono = this.platform.clock.monoNow() + withinMs;
    while (!(await condition())) {
      if (this.platform.clock.monoNow() > deadlineMono) throw new Error(`not within ${withinMs / 1_000} s: ${what}`);
      await this.platform.timers.sleep(2);
    }
  }

  async untilEffects(group: string, count: number, withinMs?: number): Promise<void> {
    const store = await this.store(group);
    await this.until(
      `${count} effects of '${group}'`,
      async () => {
        const row = await store.reader.get<{ count: number }>('select count(*) as count from effects');
        return Number(row?.count) >= count;
      },
      withinMs,
    );
  }

  /** What must hold whatever happened: each event once, and those of one source and key in their order. */
  async expectOnceInOrder(group: string, published: number): Promise<void> {
    const effects = await this.effects(group);
    expect(new Set(effects).size).toBe(effects.length);
    expect(effects.length).toBe(published);
    if (this.#capabilities.order === 'none') return;
    const last = new Map<string, number>();
    for (const effect of effects) {
      const [source, key, n] = effect.split('/') as [string, string, string];
      expect(`${effect} after ${last.get(`${source}/${key}`) ?? 0}`).toBe(`${effect} after ${Number(n) - 1}`);
      last.set(`${source}/${key}`, Number(n));
    }
  }

  async dispose(): Promise<void> {
    for (const process of this.#running) await process.stop();
    for (const leave of this.#dead) leave();
    for (const store of this.#stores.values()) await (await store).close();
    await this.#place.dispose();
  }
}

/** Numbered in the order of the commits, also where transactions run beside each other. */
async function writeEffect(tx: Tx, envelope: Envelope): Promise<void> {
  await tx.run('update effects_counter set seq = seq + 1');
  await tx.run(
    'insert into effects (seq, event_id, source, key, n) select seq, ?, ?, ?, ? from effects_counter',
    envelope.id,
    envelope.source,
    envelope.key,
    (envelope.data as { n: number }).n,
  );
}

/** A store, a source and time as a process that may be killed sees them. */
function mortalStore(store: Store) {
  let dead = false;
  let die: (() => void) | undefined;
  const killed = new Promise<void>((resolve) => {
    die = resolve;
  });
  const whileAlive = <R>(work: () => Promise<R>): Promise<R> =>
    new Promise((resolve, reject) => {
      if (dead) return;
      work().then(
        (value) => dead || resolve(value),
        (error) => dead || reject(error),
      );
    });
  return {
    killed,
    dead: () => dead,
    kill: () => {
      dead = true;
      die?.();
    },
    platform: (platform: Platform): Platform => ({
      ...platform,
      timers: {
        set: (delayMs, fire) => platform.timers.set(delayMs, () => dead || fire()),
        sleep: (delayMs, signal) => whileAlive(() => platform.timers.sleep(delayMs, signal)),
        yield: () => whileAlive(() => platform.timers.yield()),
      },
    }),
    outbox: (outbox: OutboxWriter): Outbox => ({
      ...outbox,
      read: (p, after, limit) => whileAlive(() => outbox.read(p, after, limit)),
      ends: () => whileAlive(() => outbox.ends()),
    }),
    store: {
      ...store,
      reader: {
        db: store.reader.db,
        all: <R>(...query: [string]) => whileAlive<R[]>(() => store.reader.all(...query)),
        get: <R>(...query: [string]) => whileAlive<R | undefined>(() => store.reader.get(...query)),
      },
      write: (work, options) =>
        whileAlive(() =>
          store.write(async (tx) => {
            const value = await work(tx);
            if (dead) throw new Killed('the process was killed');
            return value;
          }, options),
        ),
    } satisfies Store as Store,
  };
}

/** A store that refuses what `refuses` says, as on a full disk. */
export const flakyStore =
  (refuses: (name: string) => boolean) =>
  (store: Store): Store => ({
    ...store,
    write: (work, options) =>
      refuses(options?.name ?? '') ? Promise.reject(new RametError('StoreUnavailable')) : store.write(work, options),
  });
