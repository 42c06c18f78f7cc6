import type { Consumer, GroupAssignment } from '@platformatic/kafka';
import { Periodic, SECOND, steadyBackoffMs } from '../../platform/index.ts';
import { batched } from '../batched.ts';
import type { Subscription } from '../bus.ts';
import type { BusEnvironment } from '../factory.ts';
import { OwnedPartitions } from '../source/owned-partitions.ts';
import type { SourceLog } from '../source/partition-reader.ts';
import type { Cluster } from './cluster.ts';
import { Ending } from './ending.ts';
import { Fetcher } from './fetcher.ts';
import { rowOf } from './message.ts';

const COMMIT_MS = 1 * SECOND;
const BACKOFF = { baseMs: 250, capMs: 10_000 };
/** How long joining may fail before it is reported. */
const QUIET_MS = 10 * SECOND;
/** How long each step of leaving a group may take when the brokers do not answer. */
const LEAVE_MS = 2 * SECOND;

/**
 * One process as a member of a consumer group. The broker assigns the partitions. The group's own store keeps its positions, in the
 * transactions of the effects; the broker gets copies for its tools. Before the process accepts another share, deliveries under way
 * end and are written down.
 */
export class KafkaGroup {
  readonly #environment: BusEnvironment;
  readonly #cluster: Cluster;
  readonly #subscription: Subscription;
  /** The types of each topic that the group wants. */
  readonly #topics: ReadonlyMap<string, ReadonlySet<string>>;
  readonly #oneType: boolean;
  readonly #sessionMs: number;
  readonly #fetcher: Fetcher;
  /** Where the partitions of all topics begin and end. */
  readonly #edges: Readonly<Record<'earliest' | 'latest', () => Promise<Map<string, readonly bigint[]>>>>;
  readonly #owned: OwnedPartitions;
  readonly #loop: Periodic;
  #member: Consumer | undefined;
  readonly #ending = new Ending();
  #stopping = false;
  #stopped: Promise<void> | undefined;
  #broken = false;
  #failures = 0;
  /** How many partitions there were when the process joined, and when to look again. */
  #partitions = 0;
  #lookAtMono = 0;
  #failingSinceMono = 0;
  /** The offsets that the broker knows, by partition, and those to commit next. */
  readonly #committed = new Map<string, number>();
  readonly #offsets = new Map<string, { topic: string; partition: number; offset: bigint; leaderEpoch: number }>();

  /** @param oneType whether each topic has one type of event only */
  constructor(
    environment: BusEnvironment,
    cluster: Cluster,
    subscription: Subscription,
    { sessionMs, oneType }: { readonly sessionMs: number; readonly oneType: boolean },
  ) {
    this.#environment = environment;
    this.#cluster = cluster;
    this.#subscription = subscription;
    this.#owned = new OwnedPartitions(environment, subscription, 1);
    this.#sessionMs = sessionMs;
    this.#oneType = oneType;
    const topics = new Map<string, Set<string>>();
    for (const type of [...subscription.topics].sort()) {
      const topic = cluster.topicOf(type);
      topics.set(topic, (topics.get(topic) ?? new Set()).add(type));
    }
    this.#topics = topics;
    this.#edges = {
      earliest: batched(environment.platform, () => this.#ending.of(cluster.offsets(this.topics, 'earliest'))),
      latest: batched(environment.platform, () => this.#ending.of(cluster.offsets(this.topics, 'latest'))),
    };
    const client = cluster.consumer(subscription.group);
    client.topics.trackAll(...topics.keys());
    this.#fetcher = new Fetcher(client);
    this.#loop = new Periodic(environment.platform, () => this.#round());
    this.#loop.start();
  }

  get topics(): string[] {
    return [...this.#topics.keys()];
  }

  /** Resolves when no delivery is under way and the partitions are others' to take. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    const revoked = this.#revoke();
    // A broker that does not answer, or lets those wait who join, is not waited for.
    this.#ending.end();
    await this.#loop.stop();
    await revoked;
    await this.#leave();
    await this.#answered(this.#fetcher.close());
  }

  /** Waits for what is asked of brokers, but not for long. @returns whether it was answered */
  #answered(asked: Promise<unknown>): Promise<boolean> {
    return Promise.race([asked.then(() => true), this.#environment.platform.timers.sleep(LEAVE_MS).then(() => false)]);
  }

  async #round(): Promise<number> {
    try {
      if (this.#member && (await this.#grown())) this.#broken = true;
      if (this.#broken) {
        await this.#revoke();
        await this.#leave();
        this.#broken = false;
      }
      if (this.#member) await this.#commit();
      else await this.#join();
      this.#failures = 0;
      return COMMIT_MS;
    } catch (error) {
      const { platform } = this.#environment;
      if (this.#failures++ === 0) this.#failingSinceMono = platform.clock.monoNow();
      // A cluster that has just started knows no coordinators yet.
      if (!this.#stopping && platform.clock.monoNow() - this.#failingSinceMono > QUIET_MS) this.#report(error, 'member of the group');
      return steadyBackoffMs(platform, BACKOFF, this.#failures);
    }
  }

  /** Whether a topic has more partitions than when the process joined: a new join assigns those too. */
  async #grown(): Promise<boolean> {
    const { clock } = this.#environment.platform;
    if (clock.monoNow() < this.#lookAtMono) return false;
    this.#lookAtMono = clock.monoNow() + this.#sessionMs;
    return (await this.#ending.of(this.#cluster.partitions(this.topics))) > this.#partitions;
  }

  async #join(): Promise<void> {
    await this.#ending.of(this.#cluster.ensure(this.topics));
    this.#partitions = await this.#ending.of(this.#cluster.partitions(this.topics));
    const member = this.#cluster.consumer(this.#subscription.group, {
      sessionTimeout: this.#sessionMs,
      rebalanceTimeout: this.#sessionMs * 3,
      heartbeatInterval: this.#sessionMs / 5,
      // Others may have our partitions when the broker has not heard of us for this long.
      heartbeatStallTimeout: this.#sessionMs,
      // Called before each join, the ones after a change in the group too: nothing is under way while partitions change hands.
      protocolsMetadata: async () => {
        await this.#revoke();
        return Buffer.alloc(0);
      },
    });
    member.topics.trackAll(...this.topics);
    member.on('consumer:group:join', ({ assignments }: { assignments?: GroupAssignment[] }) => {
      if (this.#member === member && !this.#stopping) this.#assign(assignments ?? []);
    });
    const broken = (error: unknown) => {
      if (this.#member !== member) return;
      this.#report(error, 'member of the group');
      this.#broken = true;
      this.#loop.wake();
    };
    member.on('error', broken);
    member.on('consumer:heartbeat:stalled', ({ lastError }: { lastError?: Error }) =>
      broken(lastError ?? new Error('no heartbeat arrives')),
    );
    this.#member = member;
    try {
      await this.#ending.of(Promise.resolve(member.joinGroup({})));
    } catch (error) {
      await this.#revoke();
      await this.#leave();
      throw error;
    }
  }

  #assign(assignments: readonly GroupAssignment[]): void {
    for (const { topic, partitions } of assignments) {
      for (const p of partitions) {
        if (this.#owned.keeps(topic, p)) continue;
        this.#owned.take(this.#logOf(topic), p, undefined, () => {
          // The broker has given it to another member, or will say that it has not.
          this.#broken = true;
          this.#loop.wake();
        });
      }
    }
    this.#fetcher.readers = this.#owned.kept().length;
  }

  /** Ends what is under way in all partitions, and writes it down; at the latest when the broker stops waiting for it. */
  async #revoke(): Promise<void> {
    const { timers } = this.#environment.platform;
    const owned = this.#owned.kept();
    if (owned.length === 0) return;
    this.#fetcher.readers = 0;
    const ended = Promise.all(
      owned.map((partition) => this.#owned.release(partition, (position) => this.#settled(partition.log, partition.p, position))),
    );
    await Promise.race([ended, timers.sleep(this.#sessionMs * 2)]);
    await this.#commit();
  }

  async #leave(): Promise<void> {
    const member = this.#member;
    this.#member = undefined;
    if (!member) return;
    await this.#answered(Promise.resolve(member.close(true)).catch(() => {}));
  }

  /** Commits offsets for the broker's tools: one that fails is committed with the next. */
  async #commit(): Promise<void> {
    const offsets = [...this.#offsets.values()];
    if (offsets.length === 0 || !this.#member?.memberId) return;
    this.#offsets.clear();
    try {
      if (!(await this.#answered(Promise.resolve(this.#member.commit({ offsets }))))) return;
      for (const { topic, partition, offset } of offsets) this.#committed.set(idOf(topic, partition), Number(offset));
    } catch {
      // They stay behind by one look.
    }
  }

  /** Has the next commit say that everything up to `pos` is processed. */
  #settled(topic: string, p: number, pos: number): void {
    const id = idOf(topic, p);
    if (pos > (this.#committed.get(id) ?? 0)) this.#offsets.set(id, { topic, partition: p, offset: BigInt(pos), leaderEpoch: -1 });
  }

  #logOf(topic: string): SourceLog {
    const types = this.#topics.get(topic) ?? new Set<string>();
    const edge = async (which: 'earliest' | 'latest', p: number) => Number((await this.#edges[which]()).get(topic)?.[p] ?? 0);
    return {
      name: topic,
      read: async (p, after) => {
        // A reader that reads on has processed what was before.
        this.#settled(topic, p, after);
        const records = await this.#fetcher.next(topic, p, BigInt(after));
        return records.map((record) => rowOf(record, types, this.#oneType) ?? { pos: Number(record.offset) + 1, type: '', envelope: '{}' });
      },
      head: (p) => edge('latest', p),
      prunedTo: (p) => edge('earliest', p),
      onAppend: (p) => () => this.#fetcher.cancel(topic, p),
    };
  }

  #report(error: unknown, doing: string, topic?: string, partition?: number): void {
    this.#environment.onError(error, {
      group: this.#subscription.group,
      ...(topic === undefined ? {} : { log: topic, partition }),
      doing,
    });
  }
}

const idOf = (topic: string, p: number): string => `${topic}/${p}`;
