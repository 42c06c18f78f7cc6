import type { Consumer } from '@platformatic/kafka';
import { RametError } from '../../errors/index.ts';
import { isOf } from './cluster.ts';
import type { Received } from './message.ts';

/**
 * How long a broker holds a request when there is nothing: long while every reader waits; otherwise briefly, and longer the longer
 * nothing arrives.
 */
const HOLD_MS = { idle: 1_000, busy: 20, busyMax: 250 } as const;
const MAX_BYTES = 16 * 2 ** 20;
const PARTITION_MAX_BYTES = 2 ** 20;
/** The bit that says that a batch has no records of anybody (KIP-98). */
const CONTROL = 0x20;
const SESSION_LOST = ['FETCH_SESSION_ID_NOT_FOUND', 'INVALID_FETCH_SESSION_EPOCH'];

type FetchResponse = Awaited<ReturnType<Consumer['fetch']>>;

interface Wanted {
  readonly topic: string;
  readonly p: number;
  /** The offset that the reader wants. */
  readonly from: bigint;
  /** Where to continue, behind batches without records. */
  offset: bigint;
  /** The reader that waits for it; undefined for a read-ahead. */
  reader: ReadWaiter | undefined;
}

interface ReadWaiter {
  readonly resolve: (records: Received[]) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Reads the partitions of one group. Kafka answers the requests of a connection one after another, so that one request covers
 * all partitions. While a reader is busy, one answer is read ahead for it, and no more: that bounds what is held in memory.
 */
export class Fetcher {
  readonly #client: Consumer;
  readonly #wanted = new Map<string, Wanted>();
  /** The answers of read-aheads. */
  readonly #ready = new Map<string, { readonly from: bigint; readonly records: Received[] }>();
  readonly #asking = new Set<number>();
  /** Brokers that had forgotten their fetch session, and were asked again with a new one. */
  readonly #anew = new Set<number>();
  /** How many partitions have a reader: when all of them wait, a request may be held for longer. */
  readers = 0;
  #scheduled = false;
  #holdMs: number = HOLD_MS.busy;

  /** @param client knows the topics; it is of no group */
  constructor(client: Consumer) {
    this.#client = client;
  }

  /** What is in a partition from `offset` on; empty when there is nothing yet. @throws RametError PositionGap when that was deleted */
  next(topic: string, p: number, offset: bigint): Promise<Received[]> {
    const id = idOf(topic, p);
    const ready = this.#ready.get(id);
    this.#ready.delete(id);
    if (ready?.from === offset) {
      this.#askAhead(topic, p, ready.records);
      return Promise.resolve(ready.records);
    }
    return new Promise((resolve, reject) => {
      const reader = { resolve, reject };
      const ahead = this.#wanted.get(id);
      if (ahead?.from === offset) ahead.reader = reader;
      else this.#wanted.set(id, { topic, p, from: offset, offset, reader });
      this.#schedule();
    });
  }

  #askAhead(topic: string, p: number, records: readonly Received[]): void {
    const from = (records.at(-1) as Received).offset + 1n;
    this.#wanted.set(idOf(topic, p), { topic, p, from, offset: from, reader: undefined });
    this.#schedule();
  }

  /** Ends the wait of a partition's reader. */
  cancel(topic: string, p: number): void {
    const id = idOf(topic, p);
    this.#wanted.get(id)?.reader?.resolve([]);
    this.#wanted.delete(id);
    this.#ready.delete(id);
  }

  async close(): Promise<void> {
    for (const { topic, p } of [...this.#wanted.values()]) this.cancel(topic, p);
    await this.#client.close(true);
  }

  /** Lets those who ask in the same turn go into the same request. */
  #schedule(): void {
    if (this.#scheduled) return;
    this.#scheduled = true;
    queueMicrotask(() => {
      this.#scheduled = false;
      void this.#ask();
    });
  }

  async #ask(): Promise<void> {
    const asked = [...this.#wanted.values()];
    if (asked.length === 0) return;
    try {
      const metadata = await this.#client.metadata({ topics: [...new Set(asked.map(({ topic }) => topic))] });
      const byLeader = new Map<number, Wanted[]>();
      for (const wanted of asked) {
        const leader = metadata.topics.get(wanted.topic)?.partitions[wanted.p]?.leader;
        if (leader === undefined) throw new RametError('Unavailable', `partition ${wanted.p} of topic '${wanted.topic}' has no leader`);
        byLeader.set(leader, [...(byLeader.get(leader) ?? []), wanted]);
      }
      const ids = new Map([...metadata.topics].map(([topic, { id }]) => [topic, id]));
      for (const [leader, all] of byLeader) void this.#askLeader(leader, all, ids);
    } catch (error) {
      this.#fail(asked, error);
    }
  }

  async #askLeader(leader: number, all: readonly Wanted[], ids: ReadonlyMap<string, string>): Promise<void> {
    if (this.#asking.has(leader)) return;
    this.#asking.add(leader);
    try {
      const everybodyWaits = this.#wanted.size >= this.readers;
      const topics = [...Map.groupBy(all, ({ topic }) => topic)].map(([topic, partitions]) => ({
        topicId: ids.get(topic) as string,
        partitions: partitions.map(({ p, offset }) => ({
          partition: p,
          fetchOffset: offset,
          partitionMaxBytes: PARTITION_MAX_BYTES,
          currentLeaderEpoch: -1,
          lastFetchedEpoch: -1,
        })),
      }));
      const maxWaitTime = everybodyWaits ? HOLD_MS.idle : this.#holdMs;
      const response = await this.#client.fetch({ node: leader, topics, maxWaitTime, minBytes: 1, maxBytes: MAX_BYTES });
      this.#anew.delete(leader);
      const came = this.#hand(all, response, ids);
      this.#holdMs = came ? HOLD_MS.busy : Math.min(HOLD_MS.busyMax, this.#holdMs * 2);
    } catch (error) {
      // Brokers forget sessions when they restart, or have too many: the next request opens a new one (KIP-227).
      if (SESSION_LOST.some((id) => isOf(error, id)) && !this.#anew.has(leader)) this.#anew.add(leader);
      else this.#fail(all, error);
    } finally {
      this.#asking.delete(leader);
      if (this.#wanted.size > 0) this.#schedule();
    }
  }

  /** Gives each reader its records; one that has none waits on. @returns whether there were any */
  #hand(all: readonly Wanted[], response: FetchResponse, ids: ReadonlyMap<string, string>): boolean {
    let came = false;
    for (const wanted of all) {
      const id = idOf(wanted.topic, wanted.p);
      if (this.#wanted.get(id) !== wanted) continue;
      const answer = response.responses
        .find(({ topicId }) => topicId === ids.get(wanted.topic))
        ?.partitions.find(({ partitionIndex }) => partitionIndex === wanted.p);
      const records: Received[] = [];
      let behind = wanted.offset;
      for (const batch of answer?.records ?? []) {
        behind = batch.firstOffset + BigInt(batch.lastOffsetDelta) + 1n;
        if ((batch.attributes & CONTROL) !== 0) continue;
        for (const record of batch.records) {
          const offset = batch.firstOffset + BigInt(record.offsetDelta);
          // A batch arrives whole, even if it begins before the offset that was requested.
          if (offset < wanted.offset) continue;
          const timestampMs = Number(batch.firstTimestamp + record.timestampDelta);
          const { key, value, headers } = record;
          records.push({ topic: wanted.topic, p: wanted.p, offset, key, value, timestampMs, headers });
        }
      }
      if (records.length === 0) {
        if (behind > wanted.offset) wanted.offset = behind;
        continue;
      }
      this.#wanted.delete(id);
      came = true;
      if (wanted.reader === undefined) this.#ready.set(id, { from: wanted.from, records });
      else {
        this.#askAhead(wanted.topic, wanted.p, records);
        wanted.reader.resolve(records);
      }
    }
    return came;
  }

  #fail(all: readonly Wanted[], error: unknown): void {
    const gone = isOf(error, 'OFFSET_OUT_OF_RANGE');
    for (const wanted of all) {
      const id = idOf(wanted.topic, wanted.p);
      if (this.#wanted.get(id) !== wanted) continue;
      this.#wanted.delete(id);
      // Each reader finds out whether its partition begins later. A read-ahead that failed is requested again by its reader.
      const why = gone
        ? new RametError('PositionGap', `topic '${wanted.topic}', partition ${wanted.p}: offset ${wanted.offset} is not kept`)
        : error;
      wanted.reader?.reject(why);
    }
  }
}

const idOf = (topic: string, p: number): string => `${p}/${topic}`;
