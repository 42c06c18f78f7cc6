import { RametError } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import { NoRowChanged, type Store, type Tx } from '../../store/index.ts';
import type { Delivery } from '../bus.ts';
import type { Origin } from './origin.ts';

/** A row of `ramet_claims`; its column `source` is the name of the log. */
export interface ProgressRow {
  readonly checkpoint: number;
  readonly claimed_to: number;
  readonly claimed_at: number;
  readonly attempts: number;
  readonly epoch?: number;
}

/** The epoch of the owner of a partition without replicas: no row is too new for it. */
const ANY_EPOCH = Number.MAX_SAFE_INTEGER;

/** The error of a process whose partition another one owns. */
export const claimLost = (subscriber: string, log: string, p: number): RametError =>
  new RametError('ClaimLost', `another replica has partition ${p} of '${log}' for '${subscriber}' now`);

/** The progress of a group in one partition of a log that this process owns. */
export class PartitionProgress implements Origin {
  readonly log: string;
  readonly p: number;
  /** Up to here everything is processed. */
  checkpoint: number;
  /** Whether the checkpoint is not written down yet. */
  dirty = false;
  unspent: string | undefined;
  readonly #group: { readonly platform: Platform; readonly store: Store; readonly subscriber: string };
  /** Under which this process owns the partition; undefined where no other process can. */
  readonly #epoch: number | undefined;
  /** The checkpoint when this process began: events before it arrive again. */
  readonly #before: number;
  /** Positions up to here were being handled when the process last ended. */
  readonly #suspectTo: number;
  /** When that was written down, by database time. */
  readonly #claimedAtMs: number;
  /** Up to here this process has processed them. */
  #clearedTo = 0;
  /** How often the next suspect has been started. */
  #starts: number;
  /** The suspect whose start by this process is in {@link #starts}. */
  #counted = 0;

  constructor(
    group: { readonly platform: Platform; readonly store: Store; readonly subscriber: string },
    { log, p, epoch }: { readonly log: string; readonly p: number; readonly epoch: number | undefined },
    row: ProgressRow | undefined,
  ) {
    this.#group = group;
    this.log = log;
    this.p = p;
    this.#epoch = epoch;
    this.checkpoint = Number(row?.checkpoint ?? 0);
    this.#before = this.checkpoint;
    this.#suspectTo = Number(row?.claimed_to ?? 0);
    this.#claimedAtMs = Number(row?.claimed_at ?? 0);
    this.#starts = Math.max(1, Number(row?.attempts ?? 0));
  }

  async check(tx: Tx): Promise<void> {
    if (this.#epoch === undefined) return;
    const { subscriber } = this.#group;
    const row = await tx.get<{ epoch: number }>(
      'select epoch from ramet_claims where subscriber = ? and source = ? and p = ?',
      subscriber,
      this.log,
      this.p,
    );
    if (Number(row?.epoch ?? 0) > this.#epoch) throw claimLost(subscriber, this.log, this.p);
  }

  async hold(tx: Tx): Promise<void> {
    if (this.#epoch === undefined) return;
    const { subscriber } = this.#group;
    const held = await tx.run(
      'update ramet_claims set epoch = epoch where subscriber = ? and source = ? and p = ? and epoch <= ?',
      subscriber,
      this.log,
      this.p,
      this.#epoch,
    );
    if (held === 0) throw claimLost(subscriber, this.log, this.p);
  }

  /** Events behind the claims of earlier processes arrive for the first time, however old they are. */
  maybeHandledAtMs({ pos, envelope }: Delivery): number | undefined {
    if (this.isFirst(pos)) return undefined;
    return pos > this.#before ? this.#claimedAtMs : Date.parse(envelope.timestamp);
  }

  async reached({ pos }: Delivery): Promise<void> {
    if (this.checkpoint >= pos - 1) return;
    await this.claim(pos - 1, pos - 1, 0);
    this.checkpoint = pos - 1;
  }

  /** Whether the event arrives for the first time: it lies behind the claims of earlier processes. */
  isFirst(pos: number): boolean {
    return pos > this.#suspectTo && pos > this.#before;
  }

  /** Whether the event was under way when the process last ended, and has not been processed since. */
  isSuspect(pos: number): boolean {
    return pos <= this.#suspectTo && pos > this.#clearedTo;
  }

  /** Notes that a suspect was processed. */
  clear(pos: number): void {
    if (!this.isSuspect(pos)) return;
    this.#clearedTo = pos;
    this.#starts = 1;
  }

  /** Counts a start before it happens, and only once however often the store is unavailable meanwhile. @returns which start it is */
  async countSuspect(pos: number): Promise<number> {
    if (this.#counted !== pos) {
      await this.claim(pos - 1, pos, this.#starts + 1);
      this.#starts++;
      this.#counted = pos;
    }
    return this.#starts;
  }

  /** Notes that everything up to `pos` is processed; it is written down with the next claim or {@link flush}. */
  settledUpTo(pos: number): void {
    this.checkpoint = pos;
    this.dirty = true;
  }

  /** Raises the checkpoint to `pos`, and writes it down. @throws RametError ClaimLost */
  async raise(pos: number): Promise<void> {
    this.checkpoint = Math.max(this.checkpoint, pos);
    await this.claim(this.checkpoint, this.checkpoint, 0);
  }

  /** Writes down that the events behind `checkpoint` and up to `claimedTo` are about to be handled. @throws RametError ClaimLost */
  async claim(checkpoint: number, claimedTo: number, attempts: number): Promise<void> {
    const { store, subscriber, platform } = this.#group;
    try {
      await store.write(
        (tx) =>
          tx.expectRow(
            `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts, claimed_at) values (?, ?, ?, ?, ?, ?, ramet_now())
             on conflict (subscriber, source, p) do update set
               checkpoint = excluded.checkpoint, claimed_to = excluded.claimed_to, attempts = excluded.attempts, claimed_at = excluded.claimed_at
             where ramet_claims.epoch <= ?`,
            subscriber,
            this.log,
            this.p,
            checkpoint,
            claimedTo,
            attempts,
            this.#epoch ?? ANY_EPOCH,
          ),
        { name: `${subscriber} claim` },
      );
    } catch (error) {
      throw error instanceof NoRowChanged ? claimLost(subscriber, this.log, this.p) : error;
    }
    const stop = platform.point('consumer.claimed');
    if (stop) await stop;
  }

  /** Writes the checkpoint down, so that a restart need not read the events before it again. */
  async flush(): Promise<void> {
    if (!this.dirty) return;
    const { store, subscriber } = this.#group;
    const { checkpoint } = this;
    await store.write(
      (tx) =>
        tx.run(
          `insert into ramet_claims (subscriber, source, p, checkpoint, claimed_to, attempts, claimed_at) values (?, ?, ?, ?, ?, 0, ramet_now())
           on conflict (subscriber, source, p) do update set checkpoint = excluded.checkpoint, claimed_to = excluded.claimed_to, attempts = 0
           where ramet_claims.checkpoint < excluded.checkpoint and ramet_claims.claimed_to <= excluded.checkpoint and ramet_claims.epoch <= ?`,
          subscriber,
          this.log,
          this.p,
          checkpoint,
          checkpoint,
          this.#epoch ?? ANY_EPOCH,
        ),
      { name: `${subscriber} checkpoint` },
    );
    if (this.checkpoint === checkpoint) this.dirty = false;
  }
}
