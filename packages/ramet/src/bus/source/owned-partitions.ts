import type { Subscription } from '../bus.ts';
import type { BusEnvironment } from '../factory.ts';
import { PartitionReader, type SourceLog } from './partition-reader.ts';

/** A partition of a log that this process reads for its group. */
export interface OwnedPartition {
  readonly log: string;
  readonly p: number;
  /** Under which the broker gave it to this process; absent where the group's store takes one. */
  readonly epoch: number | undefined;
}

interface Owned extends OwnedPartition {
  readonly reader: PartitionReader;
  released?: Promise<void>;
}

/**
 * The partitions that one process owns in a group whose replicas share them. How they are shared is up to the adapter: it says
 * which ones to take, to release and to drop.
 */
export class OwnedPartitions implements Iterable<OwnedPartition> {
  readonly #environment: BusEnvironment;
  readonly #subscription: Subscription;
  readonly #pollMs: number;
  readonly #owned = new Map<string, Owned>();

  /** @param pollMs how long at most until a reader sees new events without a hint */
  constructor(environment: BusEnvironment, subscription: Subscription, pollMs: number) {
    this.#environment = environment;
    this.#subscription = subscription;
    this.#pollMs = pollMs;
  }

  [Symbol.iterator](): Iterator<OwnedPartition> {
    return [...this.#owned.values()][Symbol.iterator]();
  }

  get(log: string, p: number): OwnedPartition | undefined {
    return this.#owned.get(idOf(log, p));
  }

  /** Whether a partition is owned and not being released. */
  keeps(log: string, p: number): boolean {
    const owned = this.#owned.get(idOf(log, p));
    return owned !== undefined && !owned.released;
  }

  /** The partitions that are not being released. */
  kept(): OwnedPartition[] {
    return [...this.#owned.values()].filter(({ released }) => !released);
  }

  /**
   * Takes a partition and reads it.
   * @param onLost called when the group's store says that another process owns it: its reader has ended
   */
  take(log: SourceLog, p: number, epoch: number | undefined, onLost: (partition: OwnedPartition) => void): void {
    const { sink } = this.#subscription;
    const reader = new PartitionReader(this.#environment, {
      log,
      p,
      subscription: this.#subscription,
      pollMs: this.#pollMs,
      begin: () => sink.begin(log.name, p, epoch),
      onLost: () => onLost(owned),
    });
    const owned: Owned = { log: log.name, p, epoch, reader };
    this.#owned.set(idOf(log.name, p), owned);
  }

  /**
   * Releases a partition, once: what is under way ends and is written down.
   * @param then gives the partition back to the broker; called with the position up to which everything is processed
   */
  release(partition: OwnedPartition, then: (position: number) => Promise<void> | void): Promise<void> {
    const owned = partition as Owned;
    owned.released ??= this.#release(owned, then).catch((error: unknown) => this.#report(error, owned, 'release'));
    return owned.released;
  }

  /** Removes a partition that is not this process's any more, and ends its reader. Nothing is written where another process owns it. */
  drop(partition: OwnedPartition): void {
    const { log, p, reader } = partition as Owned;
    this.#remove(partition);
    void reader.stop().then(() => this.#subscription.sink.end(log, p).catch(() => {}));
  }

  async #release(owned: Owned, then: (position: number) => Promise<void> | void): Promise<void> {
    const { log, p, reader } = owned;
    const { sink } = this.#subscription;
    await reader.stop();
    const position = await sink.checkpoint(log, p).catch(() => 0);
    // The next owner begins at what is written down.
    await sink.end(log, p).catch((error: unknown) => this.#report(error, owned, 'checkpoint'));
    this.#remove(owned);
    await then(position);
  }

  #remove(partition: OwnedPartition): void {
    const id = idOf(partition.log, partition.p);
    if (this.#owned.get(id) === partition) this.#owned.delete(id);
  }

  #report(error: unknown, { log, p }: OwnedPartition, doing: string): void {
    this.#environment.onError(error, { group: this.#subscription.group, log, partition: p, doing });
  }
}

const idOf = (log: string, p: number): string => `${log}/${p}`;
