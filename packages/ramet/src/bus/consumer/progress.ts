import { RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import { NoRowChanged, type Store, type Tx } from '../../store/index.ts';
import { batched } from '../batched.ts';

/** How far a group has come in one partition of one source. */
export interface Claim {
  readonly source: string;
  readonly p: number;
  /** Under which this process has the partition; undefined where nobody else can have it. */
  readonly epoch: number | undefined;
  checkpoint: number;
  /** What was settled when this process began: whatever comes from there comes again. */
  readonly before: number;
  /** Positions up to here were being handled when the process last ended. */
  readonly suspectTo: number;
  /** When that was written down, by database time. */
  readonly claimedAtMs: number;
  /** Up to here they have been settled since. */
  clearedTo: number;
  /** How often the next suspect has been started. */
  starts: number;
  /** The suspect whose start by this process is in {@link starts}. */
  counted: number;
  /** The position whose attempt was counted and then not made, because the store was away. */
  unspent: number | undefined;
  dirty: boolean;
}

interface ClaimRow {
  readonly checkpoint: number;
  readonly claimed_to: number;
  readonly claimed_at: number;
  readonly attempts: number;
  readonly epoch: number;
}

/** The epoch of whoever has a partition without replicas: no claim is too new for it. */
const ANY_EPOCH = Number.MAX_SAFE_INTEGER;

/**
 * The progress of a group, in its own store. Before handlers run, the range that they are about to handle is written down:
 * after a crash it says which events may have ended the process, and how often they were started. Where replicas share the
 * group, a row also has the epoch of its owner, and what an owner with a lower one writes is refused.
 */
export class Claims {
  readonly #options: { readonly platform: Platform; readonly store: Store; readonly subscriber: string };
  readonly #known = new Map<string, Claim>();
  readonly #take: () => Promise<Map<string, ClaimRow>>;
  #taking: { readonly source: string; readonly p: number; readonly epoch: number | undefined }[] = [];

  constructor(options: { readonly platform: Platform; readonly store: Store; readonly subscriber: string }) {
    this.#options = options;
    this.#take = batched(options.platform, () => this.#takeAll());
  }

  async of(source: string, p: number): Promise<Claim> {
    const known = this.#known.get(idOf(source, p));
    if (known) return known;
    const row = await this.#options.store.reader.get<ClaimRow>(
      'select checkpoint, claimed_to, claimed_at, attempts from ramet_claims where subscriber = ? and source = ? and p = ?',
      this.#options.subscriber,
      source,
      p,
    );
    // Somebody else may have asked for it meanwhile, and have gone on.
    return this.#known.get(idOf(source, p)) ?? this.#know(source, p, undefined, row);
  }

  /** How far the group has come, as far as it is known here or written down. */
  async checkpoint(source: string, p: number): Promise<number> {
    return this.#known.get(idOf(source, p))?.checkpoint ?? (await this.written(source, p));
  }

  /** How far the group has come by what is written down. */
  async written(source: string, p: number): Promise<number> {
    const row = await this.#options.store.reader.get<{ checkpoint: number }>(
      'select checkpoint from ramet_claims where subscriber = ? and source = ? and p = ?',
      this.#options.subscriber,
      source,
      p,
    );
    return Number(row?.checkpoint ?? 0);
  }

  /** Takes a partition from whoever had it; those that are taken together are written together. @throws RametError ClaimLost */
  async begin(source: string, p: number, epoch: number | undefined): Promise<void> {
    this.#known.delete(idOf(source, p));
    this.#taking.push({ source, p, epoch });
    const row = (await this.#take()).get(idOf(source, p));
    if (!row) throw this.#lost({ source, p });
    this.#know(source, p, Number(row.epoch), row);
  }

  async #takeAll(): Promise<Map<string, ClaimRow>> {
    const { store, subscriber } = this.#options;
    const wanted = this.#taking;
    this.#taking = [];
    const rows = await store.write(
      async (tx) => {
        const taken = new Map<string, ClaimRow>();
        // In one order for all, so that two who take the same do not wait for each other.
        for (const { source, p, epoch } of wanted.toSorted((a, b) => (idOf(a.source, a.p) < idOf(b.source, b.p) ? -1 : 1))) {
          const row = await tx.get<ClaimRow>(
            `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts, claimed_at, epoch) values (?, ?, ?, 0, 0, 0, ramet_now(), ?)
             on conflict (subscriber, source, p) do update set epoch = ${epoch === undefined ? 'ramet_claims.epoch + 1' : 'excluded.epoch'}
             ${epoch === undefined ? '' : 'where ramet_claims.epoch <= excluded.epoch'}
             returning checkpoint, claimed_to, claimed_at, attempts, epoch`,
            subscriber,
            source,
            p,
            epoch ?? 1,
          );
          if (row) taken.set(idOf(source, p), row);
        }
        return taken;
      },
      { name: `${subscriber} begins` },
    );
    return rows;
  }

  /** Gives a partition back. */
  async end(source: string, p: number): Promise<void> {
    const claim = this.#known.get(idOf(source, p));
    if (claim?.dirty) await this.#flush(claim);
    this.#known.delete(idOf(source, p));
  }

  /** Refuses what a process does that had the partition before. @throws RametError ClaimLost */
  async check(tx: Tx, { source, p, epoch }: Claim): Promise<void> {
    if (epoch === undefined) return;
    const row = await tx.get<{ epoch: number }>(
      'select epoch from ramet_claims where subscriber = ? and source = ? and p = ?',
      this.#options.subscriber,
      source,
      p,
    );
    if (Number(row?.epoch ?? 0) > epoch) throw this.#lost({ source, p });
  }

  /**
   * As {@link check}, and nobody takes the partition before the transaction has ended: for what is written of an event that is not
   * in the inbox, where the successor's row would not stop it.
   * @throws RametError ClaimLost
   */
  async hold(tx: Tx, { source, p, epoch }: Claim): Promise<void> {
    if (epoch === undefined) return;
    const held = await tx.run(
      'update ramet_claims set epoch = epoch where subscriber = ? and source = ? and p = ? and epoch <= ?',
      this.#options.subscriber,
      source,
      p,
      epoch,
    );
    if (held === 0) throw this.#lost({ source, p });
  }

  #lost({ source, p }: Pick<Claim, 'source' | 'p'>): RametError {
    return new RametError('ClaimLost', `another replica has partition ${p} of '${source}' for '${this.#options.subscriber}' now`);
  }

  #know(source: string, p: number, epoch: number | undefined, row: Omit<ClaimRow, 'epoch'> | undefined): Claim {
    const claim: Claim = {
      source,
      p,
      epoch,
      checkpoint: Number(row?.checkpoint ?? 0),
      before: Number(row?.checkpoint ?? 0),
      suspectTo: Number(row?.claimed_to ?? 0),
      claimedAtMs: Number(row?.claimed_at ?? 0),
      clearedTo: 0,
      starts: Math.max(1, Number(row?.attempts ?? 0)),
      counted: 0,
      unspent: undefined,
      dirty: false,
    };
    this.#known.set(idOf(source, p), claim);
    return claim;
  }

  /** Counts a start before it happens, and once only however often the store is away meanwhile. @returns which start it is */
  async countSuspect(claim: Claim, pos: number): Promise<number> {
    if (claim.counted !== pos) {
      await this.write(claim, pos - 1, pos, claim.starts + 1);
      claim.starts++;
      claim.counted = pos;
    }
    return claim.starts;
  }

  /** Writes down that the events behind `checkpoint` and up to `claimedTo` are about to be handled. @throws RametError ClaimLost */
  async write(claim: Claim, checkpoint: number, claimedTo: number, attempts: number): Promise<void> {
    const { store, subscriber, platform } = this.#options;
    try {
      await store.write(
        (tx) =>
          tx.must(
            `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts, claimed_at) values (?, ?, ?, ?, ?, ?, ramet_now())
             on conflict (subscriber, source, p) do update set
               checkpoint = excluded.checkpoint, claimed_to = excluded.claimed_to, attempts = excluded.attempts, claimed_at = excluded.claimed_at
             where ramet_claims.epoch <= ?`,
            subscriber,
            claim.source,
            claim.p,
            checkpoint,
            claimedTo,
            attempts,
            claim.epoch ?? ANY_EPOCH,
          ),
        { name: `${subscriber} claim` },
      );
    } catch (error) {
      throw error instanceof NoRowChanged ? this.#lost(claim) : error;
    }
    const stop = platform.point('consumer.claimed');
    if (stop) await stop;
  }

  /** Writes down how far the group has come, so that a restart need not look at it again. */
  async flush(): Promise<void> {
    for (const claim of this.#known.values()) if (claim.dirty) await this.#flush(claim);
  }

  async #flush(claim: Claim): Promise<void> {
    const { store, subscriber } = this.#options;
    const { checkpoint } = claim;
    await store.write(
      (tx) =>
        tx.run(
          `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts, claimed_at) values (?, ?, ?, ?, ?, 0, ramet_now())
           on conflict (subscriber, source, p) do update set checkpoint = excluded.checkpoint, claimed_to = excluded.claimed_to, attempts = 0
           where ramet_claims.checkpoint < excluded.checkpoint and ramet_claims.claimed_to <= excluded.checkpoint and ramet_claims.epoch <= ?`,
          subscriber,
          claim.source,
          claim.p,
          checkpoint,
          checkpoint,
          claim.epoch ?? ANY_EPOCH,
        ),
      { name: `${subscriber} checkpoint` },
    );
    if (claim.checkpoint === checkpoint) claim.dirty = false;
  }
}

/** Whether the event comes for the first time: it lies behind the claims of earlier processes. */
export const isFirst = (claim: Claim, pos: number): boolean => pos > claim.suspectTo && pos > claim.before;

/** Whether the event was under way when the process last ended, and has not been settled since. */
export const isSuspect = (claim: Claim, pos: number): boolean => pos <= claim.suspectTo && pos > claim.clearedTo;

/** It has been settled since. */
export function clear(claim: Claim, pos: number): void {
  if (!isSuspect(claim, pos)) return;
  claim.clearedTo = pos;
  claim.starts = 1;
}

const idOf = (source: string, p: number): string => `${source}/${p}`;
