import { Periodic, type Platform, steadyBackoffMs } from '../platform/index.ts';
import type { Store, Tx } from './store.ts';

/** Work that must happen at or after a moment, however often the process restarts: timers are rows. */
export interface DueWork {
  /** Scheduling the same id again has no effect. */
  readonly id: string;
  readonly kind: string;
  readonly afterMs: number;
  readonly payload: unknown;
}

export function schedule(tx: Tx, work: DueWork): void {
  tx.last(
    'insert into ramet_timers (id, kind, due_at, payload) values (?, ?, ramet_now() + ?, ?) on conflict do nothing',
    work.id,
    work.kind,
    Math.round(work.afterMs),
    JSON.stringify(work.payload ?? null),
  );
}

/** Does one piece of due work. Resolving means done; what it throws is told, and the work comes again with backoff. */
export type DueHandler = (payload: unknown, work: { readonly id: string; readonly attempt: number }) => Promise<void>;

const POLL_MS = 5_000;
const AT_ONCE = 32;
const LEASE_MS = 60_000;
const BACKOFF = { baseMs: 200, capMs: 30_000 };

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly payload: string;
  readonly attempts: number;
  readonly wait: number;
}

/** Told of every failure; without `work` when nothing could be looked up at all. */
type OnError = (error: unknown, work?: { readonly id: string; readonly kind: string; readonly attempt: number }) => void;

/**
 * Does what is due, at least once, until its handler succeeds; each attempt is counted before it begins. Work is begun in
 * the order in which it is due, and a bounded number is under way at once.
 */
export class DueWorker {
  readonly #store: Store;
  readonly #platform: Platform;
  readonly #handlers: ReadonlyMap<string, DueHandler>;
  readonly #onError: OnError;
  readonly #loop: Periodic;
  readonly #busy = new Map<string, Promise<void>>();

  constructor(options: {
    store: Store;
    platform: Platform;
    handlers: ReadonlyMap<string, DueHandler>;
    onError: OnError;
  }) {
    this.#store = options.store;
    this.#platform = options.platform;
    this.#handlers = options.handlers;
    this.#onError = options.onError;
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

  /** Begins nothing more, and resolves when what is under way has ended. */
  async stop(): Promise<void> {
    await this.#loop.stop();
    await Promise.all(this.#busy.values());
  }

  async #round(): Promise<number> {
    const kinds = [...this.#handlers.keys()];
    if (kinds.length === 0) return POLL_MS;
    // A single process takes what its predecessor left at once; where stores are shared, a lease says who works on it.
    const free = this.#store.capabilities.shared ? 'and lease_until <= ramet_now()' : '';
    // One look-up for each kind: what nobody does here any more is not read.
    const limit = AT_ONCE + this.#busy.size;
    const found = await this.#store.reader.all<Row>(
      kinds
        .map(
          (_, i) => `select * from (select id, kind, payload, attempts, due_at - ramet_now() as wait from ramet_timers
             where kind = ? ${free} order by due_at, id limit ?) as kind_${i}`,
        )
        .join(' union all '),
      ...kinds.flatMap((kind) => [kind, limit]),
    );
    const rows = found.sort((a, b) => Number(a.wait) - Number(b.wait));
    for (const row of rows) {
      if (this.#busy.has(row.id)) continue;
      if (this.#busy.size >= AT_ONCE) break;
      if (Number(row.wait) > 0) return Math.max(1, Math.min(POLL_MS, Number(row.wait)));
      this.#busy.set(row.id, this.#do(row));
    }
    return POLL_MS;
  }

  async #do(row: Row): Promise<void> {
    const attempt = Number(row.attempts) + 1;
    const work = { id: row.id, kind: row.kind, attempt };
    try {
      if (!(await this.#begin(row, attempt))) return;
      try {
        await (this.#handlers.get(row.kind) as DueHandler)(JSON.parse(row.payload), work);
        await this.#store.write((tx) => tx.last('delete from ramet_timers where id = ?', row.id));
      } catch (error) {
        this.#onError(error, work);
        await this.#postpone(row.id, attempt, error);
      }
      this.#loop.wake();
    } catch (error) {
      // The store is away: it is asked again at the next round that comes by itself.
      this.#onError(error, work);
    } finally {
      this.#busy.delete(row.id);
    }
  }

  /** Counts the attempt. @returns whether it is ours to make */
  async #begin(row: Row, attempt: number): Promise<boolean> {
    const mine = await this.#store.write((tx) =>
      tx.run(
        'update ramet_timers set attempts = ?, lease_until = ramet_now() + ? where id = ? and attempts = ?',
        attempt,
        LEASE_MS,
        row.id,
        Number(row.attempts),
      ),
    );
    return mine > 0;
  }

  #postpone(id: string, attempt: number, error: unknown): Promise<number> {
    return this.#store.write((tx) =>
      tx.run(
        // Whoever has begun it since has taken it over, and decides.
        'update ramet_timers set due_at = ramet_now() + ?, lease_until = 0, last_error = ? where id = ? and attempts = ?',
        Math.round(steadyBackoffMs(this.#platform, BACKOFF, attempt)),
        String(error).slice(0, 500),
        id,
        attempt,
      ),
    );
  }
}
