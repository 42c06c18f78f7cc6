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

export async function schedule(tx: Tx, work: DueWork): Promise<void> {
  await tx.run(
    'insert into ramet_timers (id, kind, due_at, payload) values (?, ?, ramet_now() + ?, ?) on conflict do nothing',
    work.id,
    work.kind,
    Math.round(work.afterMs),
    JSON.stringify(work.payload),
  );
}

/** Does one piece of due work. Resolving means done; what it throws is told, and the work comes again with backoff. */
export type DueHandler = (payload: unknown, work: { readonly id: string; readonly attempt: number }) => Promise<void>;

const POLL_MS = 1_000;
const AT_ONCE = 32;
const LEASE_MS = 60_000;
const BACKOFF = { baseMs: 200, capMs: 30_000 };

interface Row {
  readonly id: string;
  readonly kind: string;
  readonly payload: string;
  readonly attempts: number;
}

/** Does what is due, at least once, until its handler succeeds; each attempt is counted before it begins. */
export class DueWorker {
  readonly #store: Store;
  readonly #platform: Platform;
  readonly #handlers: ReadonlyMap<string, DueHandler>;
  readonly #onError: (error: unknown, work: { id: string; kind: string; attempt: number }) => void;
  readonly #loop: Periodic;
  readonly #busy = new Set<string>();

  constructor(options: {
    store: Store;
    platform: Platform;
    handlers: ReadonlyMap<string, DueHandler>;
    onError: (error: unknown, work: { id: string; kind: string; attempt: number }) => void;
  }) {
    this.#store = options.store;
    this.#platform = options.platform;
    this.#handlers = options.handlers;
    this.#onError = options.onError;
    this.#loop = new Periodic(options.platform, () => this.#round());
  }

  start(): void {
    this.#loop.start();
  }

  wake(): void {
    this.#loop.wake();
  }

  stop(): Promise<void> {
    return this.#loop.stop();
  }

  async #round(): Promise<number> {
    const kinds = [...this.#handlers.keys()];
    const marks = kinds.map(() => '?').join(', ');
    // A single process takes what its predecessor left at once; where stores are shared, a lease says who works on it.
    const free = this.#store.capabilities.shared ? 'and lease_until <= ramet_now()' : '';
    const due = await this.#store.reader.all<Row>(
      `select id, kind, payload, attempts from ramet_timers where due_at <= ramet_now() ${free} and kind in (${marks}) order by due_at limit ?`,
      ...kinds,
      AT_ONCE,
    );
    const fresh = due.filter((row) => !this.#busy.has(row.id));
    await Promise.all(fresh.map((row) => this.#do(row)));
    if (fresh.length > 0) return 0;
    const next = await this.#store.reader.get<{ wait: number | null }>(
      `select min(due_at) - ramet_now() as wait from ramet_timers where kind in (${marks})`,
      ...kinds,
    );
    return next?.wait == null ? POLL_MS : Math.max(5, Math.min(POLL_MS, Number(next.wait)));
  }

  async #do(row: Row): Promise<void> {
    this.#busy.add(row.id);
    const attempt = Number(row.attempts) + 1;
    try {
      const mine = await this.#store.write((tx) =>
        tx.run(
          'update ramet_timers set attempts = ?, lease_until = ramet_now() + ? where id = ? and attempts = ?',
          attempt,
          LEASE_MS,
          row.id,
          Number(row.attempts),
        ),
      );
      if (mine === 0) return;
      try {
        await (this.#handlers.get(row.kind) as DueHandler)(JSON.parse(row.payload), { id: row.id, attempt });
        await this.#store.write((tx) => tx.run('delete from ramet_timers where id = ?', row.id));
      } catch (error) {
        this.#onError(error, { id: row.id, kind: row.kind, attempt });
        await this.#store.write((tx) =>
          tx.run(
            'update ramet_timers set due_at = ramet_now() + ?, lease_until = 0, last_error = ? where id = ?',
            Math.round(steadyBackoffMs(this.#platform, BACKOFF, attempt)),
            String(error).slice(0, 500),
            row.id,
          ),
        );
      }
    } catch (error) {
      this.#onError(error, { id: row.id, kind: row.kind, attempt });
    } finally {
      this.#busy.delete(row.id);
    }
  }
}
