import type { Platform } from '../platform/index.ts';
import type { Store } from '../store/index.ts';

/** How far a group has come in one partition of one source. */
export interface Claim {
  readonly source: string;
  readonly p: number;
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

/**
 * The progress of a group, in its own store. Before handlers run, the range that they are about to handle is written down:
 * after a crash it says which events may have ended the process, and how often they were started.
 */
export class Claims {
  readonly #options: { readonly platform: Platform; readonly store: Store; readonly subscriber: string };
  readonly #known = new Map<string, Claim>();

  constructor(options: { readonly platform: Platform; readonly store: Store; readonly subscriber: string }) {
    this.#options = options;
  }

  async of(source: string, p: number): Promise<Claim> {
    const id = `${source}/${p}`;
    const known = this.#known.get(id);
    if (known) return known;
    const row = await this.#options.store.reader.get<{ checkpoint: number; claimed_to: number; claimed_at: number; attempts: number }>(
      'select checkpoint, claimed_to, claimed_at, attempts from ramet_claims where subscriber = ? and source = ? and p = ?',
      this.#options.subscriber,
      source,
      p,
    );
    const claim: Claim = {
      source,
      p,
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
    this.#known.set(id, claim);
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

  /** Writes down that the events behind `checkpoint` and up to `claimedTo` are about to be handled. */
  async write({ source, p }: Claim, checkpoint: number, claimedTo: number, attempts: number): Promise<void> {
    const { store, subscriber, platform } = this.#options;
    await store.write(
      async (tx) => {
        await tx.run(
          `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts, claimed_at) values (?, ?, ?, ?, ?, ?, ramet_now())
           on conflict (subscriber, source, p) do update set
             checkpoint = excluded.checkpoint, claimed_to = excluded.claimed_to, attempts = excluded.attempts, claimed_at = excluded.claimed_at`,
          subscriber,
          source,
          p,
          checkpoint,
          claimedTo,
          attempts,
        );
      },
      { name: `${subscriber} claim` },
    );
    const stop = platform.point('consumer.claimed');
    if (stop) await stop;
  }

  /** Writes down how far the group has come, so that a restart need not look at it again. */
  async flush(): Promise<void> {
    const { store, subscriber } = this.#options;
    for (const claim of this.#known.values()) {
      if (!claim.dirty) continue;
      const { checkpoint } = claim;
      await store.write(
        async (tx) => {
          await tx.run(
            `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts, claimed_at) values (?, ?, ?, ?, ?, 0, ramet_now())
             on conflict (subscriber, source, p) do update set checkpoint = excluded.checkpoint, claimed_to = excluded.claimed_to, attempts = 0
             where ramet_claims.checkpoint < excluded.checkpoint and ramet_claims.claimed_to <= excluded.checkpoint`,
            subscriber,
            claim.source,
            claim.p,
            checkpoint,
            checkpoint,
          );
        },
        { name: `${subscriber} checkpoint` },
      );
      if (claim.checkpoint === checkpoint) claim.dirty = false;
    }
  }
}
