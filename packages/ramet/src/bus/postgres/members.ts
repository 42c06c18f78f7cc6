import { Periodic, SECOND } from '../../platform/index.ts';
import type { Subscription } from '../bus.ts';
import type { BusEnvironment } from '../factory.ts';
import { type OwnedPartition, OwnedPartitions } from '../source/owned-partitions.ts';
import type { BusDatabase } from './database.ts';
import type { BusLog } from './log.ts';

/** Readers are woken; this is the net under that net. */
const POLL_MS = 30 * SECOND;

interface ClaimRow {
  readonly source: string;
  readonly p: number;
  readonly epoch: string;
}

/**
 * The part of one process in a group: it takes its share of the partitions, each under a lease and an epoch, gives back what
 * is more than its share at the end of a batch, and takes over what others leave or lose.
 */
export class Membership {
  readonly #environment: BusEnvironment;
  readonly #db: BusDatabase;
  readonly #log: BusLog;
  readonly #subscription: Subscription;
  readonly #sources: readonly string[];
  /** How long a partition stays with a process that is not heard of, by the time of the database. */
  readonly #leaseMs: number;
  readonly #owned: OwnedPartitions;
  readonly #loop: Periodic;
  /** Until when the leases last at least, by this process's clock. */
  #leasedUntilMono = 0;
  #stopping = false;
  #stopped: Promise<void> | undefined;

  constructor(environment: BusEnvironment, db: BusDatabase, log: BusLog, subscription: Subscription, leaseMs: number) {
    this.#environment = environment;
    this.#db = db;
    this.#log = log;
    this.#subscription = subscription;
    this.#sources = sourcesOf(subscription);
    this.#owned = new OwnedPartitions(environment, subscription, POLL_MS);
    this.#leaseMs = leaseMs;
    this.#loop = new Periodic(
      environment.platform,
      () => this.#round(),
      (error) => this.#failed(error),
    );
    this.#loop.start();
  }

  /** Looks again: a member has joined or left, or a source is new. */
  hear(what: string | undefined): void {
    if (what === undefined || what === this.#subscription.group || this.#sources.includes(what)) this.#loop.wake();
  }

  /** Resolves when no delivery is under way and the partitions are others' to take. */
  stop(): Promise<void> {
    this.#stopped ??= this.#stop();
    return this.#stopped;
  }

  async #stop(): Promise<void> {
    this.#stopping = true;
    await this.#loop.stop();
    await Promise.all([...this.#owned].map((owned) => this.#release(owned)));
    const { schema } = this.#db.names;
    await this.#db
      .query('leave', `delete from ${schema}.members where grp = $1 and member = $2`, this.#subscription.group, this.#environment.owner)
      .then(() => this.#announce())
      .catch((error: unknown) => this.#environment.onError(error, { group: this.#subscription.group, doing: 'leaving' }));
  }

  async #round(): Promise<number> {
    const { platform } = this.#environment;
    const askedMono = platform.clock.monoNow();
    const { joined, mine, taken, fair } = await this.#agree();
    this.#leasedUntilMono = askedMono + this.#leaseMs;
    for (const owned of this.#owned) {
      const row = mine.find(({ source, p }) => source === owned.log && p === owned.p);
      if (Number(row?.epoch) !== owned.epoch) this.#owned.drop(owned);
    }
    for (const row of [...mine, ...taken]) if (!this.#owned.get(row.source, row.p)) this.#follow(row);
    for (const surplus of this.#owned.kept().slice(fair)) void this.#release(surplus);
    if (joined) await this.#announce();
    return this.#leaseMs / 3;
  }

  /** Reads the tables of the group and takes free partitions, while no other member does. */
  #agree(): Promise<{ joined: boolean; mine: ClaimRow[]; taken: ClaimRow[]; fair: number }> {
    const { schema, channel } = this.#db.names;
    const { group } = this.#subscription;
    const { owner } = this.#environment;
    const lease = `clock_timestamp() + interval '${this.#leaseMs} ms'`;
    return this.#db.transaction(async (query) => {
      await query('select pg_advisory_xact_lock(hashtext($1), hashtext($2))', channel, group);
      await query(`delete from ${schema}.members where grp = $1 and lease_until < clock_timestamp()`, group);
      const [member] = await query<{ joined: boolean }>(
        `insert into ${schema}.members (grp, member, lease_until) values ($1, $2, ${lease})
         on conflict (grp, member) do update set lease_until = excluded.lease_until returning (xmax = 0) as joined`,
        group,
        owner,
      );
      await query(
        `insert into ${schema}.claims (grp, source, p) select $1, source, p from ${schema}.partitions where source = any($2) on conflict do nothing`,
        group,
        this.#sources,
      );
      const mine = await query<ClaimRow>(
        `update ${schema}.claims set lease_until = ${lease} where grp = $1 and owner = $2 and source = any($3) returning source, p, epoch`,
        group,
        owner,
        this.#sources,
      );
      const [counts] = await query<{ members: number; claims: number }>(
        `select (select count(*)::int from ${schema}.members where grp = $1) as members,
                (select count(*)::int from ${schema}.claims where grp = $1 and source = any($2)) as claims`,
        group,
        this.#sources,
      );
      const fair = Math.ceil((counts?.claims ?? 0) / Math.max(1, counts?.members ?? 1));
      if (mine.length >= fair) return { joined: member?.joined === true, mine, taken: [], fair };
      // An epoch is also a time, so that it is higher than any before also where the tables of the bus are new.
      const taken = await query<ClaimRow>(
        `update ${schema}.claims set owner = $2, lease_until = ${lease},
           epoch = greatest(epoch + 1, (extract(epoch from clock_timestamp()) * 1000)::bigint)
         where grp = $1 and (source, p) in (
           select source, p from ${schema}.claims
           where grp = $1 and source = any($3) and (owner is null or lease_until < clock_timestamp()) order by p, source limit $4
         ) returning source, p, epoch`,
        group,
        owner,
        this.#sources,
        fair - mine.length,
      );
      return { joined: member?.joined === true, mine, taken, fair };
    });
  }

  #follow({ source, p, epoch }: ClaimRow): void {
    if (this.#stopping) return;
    this.#owned.take(this.#log.of(source), p, Number(epoch), (lost) => {
      // The group's store says that another replica owns it: the next look says so too, or takes it again.
      if (this.#owned.get(source, p) === lost) void this.#release(lost);
    });
  }

  #release(owned: OwnedPartition): Promise<void> {
    return this.#owned.release(owned, () => this.#giveBack(owned));
  }

  async #giveBack({ log, p, epoch }: OwnedPartition): Promise<void> {
    const { schema } = this.#db.names;
    await this.#db.query(
      'release',
      `update ${schema}.claims set owner = null, lease_until = clock_timestamp() where grp = $1 and source = $2 and p = $3 and owner = $4 and epoch = $5`,
      this.#subscription.group,
      log,
      p,
      this.#environment.owner,
      Number(epoch),
    );
    if (!this.#stopping) await this.#announce();
  }

  async #announce(): Promise<void> {
    await this.#db.query('announce', 'select pg_notify($1, $2)', this.#db.names.channel, `!${this.#subscription.group}`);
  }

  /** A process that cannot renew its leases has none when they are over: others have its partitions. */
  #failed(error: unknown): void {
    this.#environment.onError(error, { group: this.#subscription.group, doing: 'sharing partitions' });
    if (this.#environment.platform.clock.monoNow() < this.#leasedUntilMono) return;
    for (const owned of this.#owned) this.#owned.drop(owned);
  }
}

/** The services whose events a subscription takes. */
export const sourcesOf = ({ topics }: Pick<Subscription, 'topics'>): string[] =>
  [...new Set([...topics].map((topic) => topic.slice(0, topic.indexOf('.'))))].sort();
