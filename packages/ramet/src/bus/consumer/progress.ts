import type { Platform } from '../../platform/index.ts';
import type { Store } from '../../store/index.ts';
import { batched } from '../batched.ts';
import { claimLost, PartitionProgress, type ProgressRow } from './partition-progress.ts';

interface Taking {
  readonly log: string;
  readonly p: number;
  readonly epoch: number | undefined;
}

/**
 * The progress of a group in the partitions of logs, in its own store. Before handlers run, the range that they are about to
 * handle is written down: after a crash it says which events may have ended the process, and how often they were started.
 * Where replicas share the group, a row also has the epoch of its owner, and what an owner with a lower one writes is refused.
 */
export class GroupProgress {
  readonly #options: { readonly platform: Platform; readonly store: Store; readonly subscriber: string };
  readonly #known = new Map<string, PartitionProgress>();
  readonly #take: () => Promise<Map<string, ProgressRow>>;
  #taking: Taking[] = [];

  constructor(options: { readonly platform: Platform; readonly store: Store; readonly subscriber: string }) {
    this.#options = options;
    this.#take = batched(options.platform, () => this.#takeAll());
  }

  /** The progress in one partition, as it is known here or written down. */
  async of(log: string, p: number): Promise<PartitionProgress> {
    const known = this.#known.get(idOf(log, p));
    if (known) return known;
    const row = await this.#options.store.reader.get<ProgressRow>(
      'select checkpoint, claimed_to, claimed_at, attempts from ramet_claims where subscriber = ? and source = ? and p = ?',
      this.#options.subscriber,
      log,
      p,
    );
    // Another caller may have read it meanwhile, and may have continued.
    return this.#known.get(idOf(log, p)) ?? this.#know(log, p, undefined, row);
  }

  /** The position up to which the group has settled a partition, as it is known here or written down. */
  async checkpoint(log: string, p: number): Promise<number> {
    return this.#known.get(idOf(log, p))?.checkpoint ?? (await this.written(log, p));
  }

  /** The position up to which the group has settled a partition, by what is written down. */
  async written(log: string, p: number): Promise<number> {
    const row = await this.#options.store.reader.get<{ checkpoint: number }>(
      'select checkpoint from ramet_claims where subscriber = ? and source = ? and p = ?',
      this.#options.subscriber,
      log,
      p,
    );
    return Number(row?.checkpoint ?? 0);
  }

  /** Takes a partition from its owner; those that are taken together are written together. @throws RametError ClaimLost */
  async begin(log: string, p: number, epoch: number | undefined): Promise<void> {
    this.#known.delete(idOf(log, p));
    this.#taking.push({ log, p, epoch });
    const row = (await this.#take()).get(idOf(log, p));
    if (!row) throw claimLost(this.#options.subscriber, log, p);
    this.#know(log, p, Number(row.epoch), row);
  }

  async #takeAll(): Promise<Map<string, ProgressRow>> {
    const { store, subscriber } = this.#options;
    const wanted = this.#taking;
    this.#taking = [];
    return store.write(
      async (tx) => {
        const taken = new Map<string, ProgressRow>();
        // In one order for all, so that two processes that take the same do not wait for each other.
        for (const { log, p, epoch } of wanted.toSorted((a, b) => (idOf(a.log, a.p) < idOf(b.log, b.p) ? -1 : 1))) {
          const row = await tx.get<ProgressRow>(
            `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts, claimed_at, epoch) values (?, ?, ?, 0, 0, 0, ramet_now(), ?)
             on conflict (subscriber, source, p) do update set epoch = ${epoch === undefined ? 'ramet_claims.epoch + 1' : 'excluded.epoch'}
             ${epoch === undefined ? '' : 'where ramet_claims.epoch <= excluded.epoch'}
             returning checkpoint, claimed_to, claimed_at, attempts, epoch`,
            subscriber,
            log,
            p,
            epoch ?? 1,
          );
          if (row) taken.set(idOf(log, p), row);
        }
        return taken;
      },
      { name: `${subscriber} begins` },
    );
  }

  /** Gives a partition back. */
  async end(log: string, p: number): Promise<void> {
    await this.#known.get(idOf(log, p))?.flush();
    this.#known.delete(idOf(log, p));
  }

  /** Writes the positions of all partitions down, so that a restart need not read their events again. */
  async flush(): Promise<void> {
    for (const partition of this.#known.values()) await partition.flush();
  }

  #know(log: string, p: number, epoch: number | undefined, row: ProgressRow | undefined): PartitionProgress {
    const partition = new PartitionProgress(this.#options, { log, p, epoch }, row);
    this.#known.set(idOf(log, p), partition);
    return partition;
  }
}

const idOf = (log: string, p: number): string => `${log}/${p}`;
