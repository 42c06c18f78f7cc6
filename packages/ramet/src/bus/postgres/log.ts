import { MINUTE, Periodic } from '../../platform/index.ts';
import { batched } from '../batched.ts';
import type { BusEnvironment } from '../factory.ts';
import { dense } from '../source/outbox.ts';
import type { SourceLog } from '../source/partition-reader.ts';
import type { RelayTarget } from '../source/relay.ts';
import type { BusDatabase } from './database.ts';

/** How often the ends of partitions are looked at: while messages come, and while they do not. Half of it is chance. */
const POLL_MS = { listening: 2_000, deaf: 250 } as const;
const PRUNE_EVERY_MS = 10 * MINUTE;
const PRUNED_AT_ONCE = 2_000;

/** Where a partition ends, and up to where it was deleted. */
interface PartitionEnd {
  readonly source: string;
  readonly p: number;
  readonly pos: number;
  readonly pruned: number;
}

/** The events of all sources, as relays have written them. */
export class BusLog {
  readonly #db: BusDatabase;
  readonly #environment: BusEnvironment;
  readonly #readers = new Map<string, Set<() => void>>();
  readonly #edges = new Map<string, () => Promise<PartitionEnd[]>>();
  readonly #seen = new Map<string, number>();
  readonly #watch: Periodic;

  constructor(db: BusDatabase, environment: BusEnvironment) {
    this.#db = db;
    this.#environment = environment;
    this.#watch = new Periodic(
      environment.platform,
      () => this.#look(),
      (error) => environment.onError(error, { doing: 'watching the log' }),
    );
    this.#watch.start();
  }

  stop(): Promise<void> {
    return this.#watch.stop();
  }

  /** The ends of all partitions of some sources. */
  async ends(sources: readonly string[]): Promise<PartitionEnd[]> {
    const rows = await this.#db.query<{ source: string; p: number; pos: string; pruned: string }>(
      'ends',
      `select source, p, pos, pruned from ${this.#db.names.schema}.partitions where source = any($1) order by source, p`,
      sources,
    );
    return rows.map(({ source, p, pos, pruned }) => ({ source, p, pos: Number(pos), pruned: Number(pruned) }));
  }

  /** Where the relay of a source brings its events: the end of the log is its progress. */
  target(source: string, partitions: number): RelayTarget {
    const { schema, channel } = this.#db.names;
    const { head } = this.of(source);
    return {
      open: async () => {
        await this.#db.query(
          'open',
          `with added as (
             insert into ${schema}.partitions (source, p) select $1, p from generate_series(0, $2 - 1) as p on conflict do nothing returning p
           )
           select pg_notify($3, $4) where exists (select 1 from added)`,
          source,
          partitions,
          channel,
          `!${source}`,
        );
      },
      relayed: async () => new Map((await this.ends([source])).map(({ p, pos }) => [p, pos])),
      end: head,
      beginAt: async (p, pos) => {
        await this.#db.query(
          'begin at',
          `update ${schema}.partitions set pos = $3, pruned = $3 where source = $1 and p = $2 and pos = 0`,
          source,
          p,
          pos,
        );
      },
      add: async (p, after, rows) => {
        const topics = rows.map(({ type }) => type);
        const envelopes = rows.map(({ envelope }) => envelope);
        return (await this.#append(source, p, after, topics, envelopes)) ? after + rows.length : head(p);
      },
    };
  }

  /**
   * Adds events behind `after`, all or none. If the partition ends elsewhere, nothing is added: of two relays that copy
   * the same events, one does.
   * @returns whether they were added
   */
  async #append(source: string, p: number, after: number, topics: readonly string[], envelopes: readonly string[]): Promise<boolean> {
    const { schema, channel } = this.#db.names;
    const rows = await this.#db.query(
      'append',
      `with head as (
         update ${schema}.partitions set pos = $3 + cardinality($4::text[]) where source = $1 and p = $2 and pos = $3 returning pos
       ), put as (
         insert into ${schema}.log (source, p, pos, topic, envelope)
         select $1, $2, $3 + e.n, e.topic, e.envelope from head, unnest($4::text[], $5::text[]) with ordinality as e (topic, envelope, n)
       )
       select pg_notify($6, $7) from head`,
      source,
      p,
      after,
      topics,
      envelopes,
      channel,
      `+${p} ${source}`,
    );
    if (rows.length > 0) this.#wake(source, p);
    return rows.length > 0;
  }

  /** What is read by the groups of this process. */
  of(source: string): SourceLog {
    const { schema } = this.#db.names;
    let edges = this.#edges.get(source);
    if (!edges) {
      edges = batched(this.#environment.platform, () => this.ends([source]));
      this.#edges.set(source, edges);
    }
    const edge = async (p: number) => (await edges()).find((end) => end.p === p);
    return {
      name: source,
      relayed: true,
      ofSource: true,
      read: async (p, after, limit) => {
        const rows = await this.#db.query<{ pos: string; topic: string; envelope: string }>(
          'read',
          `select pos, topic, envelope from ${schema}.log where source = $1 and p = $2 and pos > $3 order by pos limit $4`,
          source,
          p,
          after,
          limit,
        );
        return dense(
          rows.map(({ pos, topic, envelope }) => ({ pos: Number(pos), type: topic, envelope })),
          after,
          `log of '${source}', partition ${p}`,
        );
      },
      head: async (p) => (await edge(p))?.pos ?? 0,
      prunedTo: async (p) => (await edge(p))?.pruned ?? 0,
      onAppend: (p, wake) => {
        const id = idOf(source, p);
        const wakers = this.#readers.get(id) ?? new Set();
        this.#readers.set(id, wakers.add(wake));
        return () => wakers.delete(wake);
      },
    };
  }

  /** A message of a relay, from any process; undefined when some may have been missed. */
  hear(message: string | undefined): void {
    if (message === undefined) {
      this.#watch.wake();
      return;
    }
    const [, p, source] = /^\+(\d+) (.*)$/.exec(message) ?? [];
    if (source !== undefined) this.#wake(source, Number(p));
  }

  /** Deletes what is older than `keepMs` from the partitions of a source, now and then. */
  prune(source: string, partitions: number, keepMs: number): Periodic {
    const { schema } = this.#db.names;
    const loop = new Periodic(
      this.#environment.platform,
      async () => {
        let more = false;
        for (let p = 0; p < partitions; p++) {
          const [row] = await this.#db.query<{ count: string }>(
            'prune',
            `with first as (
               select pos, at > clock_timestamp() - $3 * interval '1 ms' as young from ${schema}.log
               where source = $1 and p = $2 order by pos limit ${PRUNED_AT_ONCE}
             ), old as (
               select max(pos) as pos, count(*) as count from first where pos < all (select pos from first where young)
             ), mark as (
               update ${schema}.partitions set pruned = old.pos from old where source = $1 and p = $2 and old.pos is not null
             ), gone as (
               delete from ${schema}.log using old where source = $1 and p = $2 and log.pos <= old.pos
             )
             select count from old`,
            source,
            p,
            keepMs,
          );
          more ||= Number(row?.count ?? 0) === PRUNED_AT_ONCE;
        }
        return more ? 0 : PRUNE_EVERY_MS;
      },
      (error) => this.#environment.onError(error, { source, doing: 'retention of the log' }),
    );
    loop.start();
    return loop;
  }

  #wake(source: string, p: number): void {
    for (const wake of this.#readers.get(idOf(source, p)) ?? []) wake();
  }

  /** Wakes the readers of partitions that have grown, in case a message was lost. @returns in how many milliseconds to look again */
  async #look(): Promise<number> {
    const sources = new Set([...this.#readers].filter(([, wakers]) => wakers.size > 0).map(([id]) => id.slice(id.indexOf('/') + 1)));
    if (sources.size > 0) {
      for (const { source, p, pos } of await this.ends([...sources])) {
        const id = idOf(source, p);
        if (this.#seen.get(id) === pos) continue;
        this.#seen.set(id, pos);
        this.#wake(source, p);
      }
    }
    const waitMs = this.#db.listening ? POLL_MS.listening : POLL_MS.deaf;
    return waitMs * (0.5 + this.#environment.platform.random.next() / 2);
  }
}

const idOf = (source: string, p: number): string => `${p}/${source}`;
