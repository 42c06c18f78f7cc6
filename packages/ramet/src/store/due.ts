import { ATTEMPT_LEASE_MS, Periodic, type Platform, steadyBackoffMs } from '../platform/index.ts';
import { countCrash, EndedAttempts } from './crash-count.ts';
import { beginDue, type DueRow, dueLanes, dueRows, giveUpDue, type Lane, noteCrash, postponeDue } from './due-rows.ts';
import type { Store, Tx } from './store.ts';

/** Does one piece of due work. If it resolves, the work is done; if it throws, the error is reported and the work is repeated with backoff. */
export type DueHandler = (
  payload: unknown,
  /** `ageMs`: how long ago the first attempt began; 0 at the first. */
  work: { readonly id: string; readonly attempt: number; readonly suspect: boolean; readonly ageMs: number },
) => Promise<void>;

/** Says, when a handler throws it, that no attempt can succeed any more: the work is given up and waits for an operator. */
export class GiveUp extends Error {
  override readonly name = 'GiveUp';
}

const POLL_MS = 5_000;
/** How much work of one lane is under way at once. A lane's backlog and a target that never answers occupy no other places. */
const LANE_PLACES = 32;
const BACKOFF = { baseMs: 200, capMs: 30_000 };
const CRASHED = 'the process ended during this attempt';
const CRASHED_EACH_TIME = 'the process ended each time it was started';

/** The work that a report is about. */
export interface WorkInfo {
  readonly id: string;
  readonly kind: string;
  readonly attempt: number;
}

/** Work that is given up. */
export type GivenUpInfo = WorkInfo & { readonly lane: string };

/** Called at every failure; without `work` when the due work could not be read. */
type OnError = (error: unknown, work?: WorkInfo) => void;

/**
 * Does due work at least once, until its handler succeeds; each attempt is counted before it begins. Work of a lane begins in the
 * order in which it is due, and each lane has its own places.
 *
 * An attempt that never ended makes its work a suspect. Suspects start one at a time and with growing pauses, so that the work that
 * ends the process is found among the work that was under way beside it. After eight such starts it is given up and waits for an
 * operator; so does work whose handler throws {@link GiveUp}.
 */
export class DueWorker {
  readonly #store: Store;
  readonly #platform: Platform;
  readonly #handlers: ReadonlyMap<string, DueHandler>;
  readonly #onError: OnError;
  readonly #onGivingUp: (tx: Tx, work: GivenUpInfo, why: string) => void;
  readonly #onGivenUp: (work: GivenUpInfo, why: string) => void;
  readonly #loop: Periodic;
  readonly #busy = new Map<string, Lane & { readonly done: Promise<void> }>();
  readonly #attempts = new EndedAttempts();
  #suspect: string | undefined;

  constructor(options: {
    store: Store;
    platform: Platform;
    handlers: ReadonlyMap<string, DueHandler>;
    onError: OnError;
    /** Called in the transaction that gives work up. */
    onGivingUp?: (tx: Tx, work: GivenUpInfo, why: string) => void;
    onGivenUp?: (work: GivenUpInfo, why: string) => void;
  }) {
    this.#store = options.store;
    this.#platform = options.platform;
    this.#handlers = options.handlers;
    this.#onError = options.onError;
    this.#onGivingUp = options.onGivingUp ?? (() => {});
    this.#onGivenUp = options.onGivenUp ?? (() => {});
    this.#loop = new Periodic(
      options.platform,
      () => this.#round(),
      (error) => this.#onError(error),
    );
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  /** Begins no more work, and resolves when the work under way has ended. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await Promise.all([...this.#busy.values()].map(({ done }) => done));
  }

  async #round(): Promise<number> {
    const waits = await Promise.all([...this.#handlers.keys()].map((kind) => this.#ofKind(kind)));
    return Math.min(POLL_MS, ...waits);
  }

  /** Reads the due work of each kind that this process has a handler for. */
  async #ofKind(kind: string): Promise<number> {
    const { reader, capabilities } = this.#store;
    const limit = LANE_PLACES + this.#busy.size;
    const rows = await dueRows(reader, kind, capabilities.shared, limit);
    const crowded = rows.length === limit && Number(rows.at(-1)?.wait) <= 0;
    if (!crowded) return this.#take(rows);
    // The earliest work may all belong to one lane: each lane is read separately.
    let waitMs = POLL_MS;
    for (const lane of await dueLanes(reader, kind)) {
      if (this.#busyIn({ kind, lane }) >= LANE_PLACES) continue;
      waitMs = Math.min(waitMs, this.#take(await dueRows(reader, kind, capabilities.shared, 2 * LANE_PLACES, lane)));
    }
    return waitMs;
  }

  /** Begins the due work that has a place. @returns when to look again */
  #take(rows: readonly DueRow[]): number {
    for (const row of rows) {
      if (this.#busy.has(row.id) || this.#busyIn(row) >= LANE_PLACES) continue;
      if (Number(row.wait) > 0) return Math.max(1, Math.min(POLL_MS, Number(row.wait)));
      if (Number(row.crashes) > 1 && !this.#isUnended(row)) {
        if (this.#suspect !== undefined) continue;
        this.#suspect = row.id;
      }
      this.#busy.set(row.id, { kind: row.kind, lane: row.lane, done: this.#do(row) });
    }
    return POLL_MS;
  }

  #busyIn({ kind, lane }: Lane): number {
    let count = 0;
    for (const busy of this.#busy.values()) if (busy.lane === lane && busy.kind === kind) count++;
    return count;
  }

  /** Whether an attempt began and never ended: its process ended first. */
  #isUnended({ id, attempts, lease_until }: DueRow): boolean {
    return this.#attempts.isCrash(id, Number(attempts), Number(lease_until));
  }

  async #do(row: DueRow): Promise<void> {
    const attempt = Number(row.attempts) + 1;
    const work = { id: row.id, kind: row.kind, attempt };
    try {
      if (this.#isUnended(row)) await this.#crashed(row);
      else await this.#attempt(row, work);
      this.#loop.wake();
    } catch (error) {
      // The store is unavailable: the next periodic round tries again.
      this.#onError(error, work);
    } finally {
      this.#busy.delete(row.id);
      if (this.#suspect === row.id) this.#suspect = undefined;
    }
  }

  async #attempt(row: DueRow, work: WorkInfo): Promise<void> {
    const { id, attempt } = work;
    const mine = await beginDue(this.#store, row, ATTEMPT_LEASE_MS);
    this.#attempts.forget(id);
    if (!mine) return;
    let failure: { readonly error: unknown } | undefined;
    try {
      await (this.#handlers.get(row.kind) as DueHandler)(JSON.parse(row.payload), {
        id,
        attempt,
        suspect: Number(row.crashes) > 0,
        ageMs: Number(row.age ?? 0),
      });
    } catch (error) {
      failure = { error };
      if (!(error instanceof GiveUp)) this.#onError(error, work);
    }
    this.#attempts.ended(id, attempt);
    if (failure?.error instanceof GiveUp) {
      const why = failure.error.message;
      const work = { id, kind: row.kind, lane: row.lane, attempt };
      const mine = await giveUpDue(this.#store, id, attempt, why.slice(0, 500), (tx) => this.#onGivingUp(tx, work, why));
      if (mine > 0) this.#onGivenUp(work, why);
    } else if (failure) {
      const error = String(failure.error).slice(0, 500);
      await postponeDue(this.#store, id, attempt, steadyBackoffMs(this.#platform, BACKOFF, attempt), error);
    } else await this.#store.write((tx) => tx.defer('delete from ramet_timers where id = ?', id));
    this.#attempts.forget(id);
  }

  async #crashed(row: DueRow): Promise<void> {
    const count = countCrash(Number(row.crashes));
    const work = { id: row.id, kind: row.kind, lane: row.lane, attempt: Number(row.attempts) };
    const noted = await noteCrash(this.#store, row, count, CRASHED, (tx) => this.#onGivingUp(tx, work, CRASHED_EACH_TIME));
    if (noted > 0 && count.givenUp) this.#onGivenUp(work, CRASHED_EACH_TIME);
  }
}
