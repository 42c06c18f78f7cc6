import { reasonOf } from '../../errors/index.ts';
import type { Platform, Timer } from '../../platform/index.ts';
import type { Connection } from './connection.ts';
import { closed, tooManyConnections, translated, unavailable } from './errors.ts';

/** The options of a {@link Pool}. */
export interface PoolOptions {
  readonly platform: Platform;
  readonly service: string;
  /** The largest number of connections. */
  readonly max: number;
  /** How long to wait for one, in milliseconds. */
  readonly waitMs: number;
  /** How long an answer may be outstanding before the connection counts as dead, in milliseconds. */
  readonly silenceMs: number;
  readonly connect: () => Promise<Connection>;
  /** Called before a healthy connection is ended. */
  readonly farewell?: (connection: Connection) => Promise<void>;
}

/** A connection that is idle for this time is ended: a firewall may have dropped it before its next use. */
const IDLE_MS = 30_000;
/** Connections are replaced after this time, so that they follow a server that has another address now. */
const AGE_MS = 3_600_000;
const SWEEP_MS = 1_000;
/** How many callers may wait for a connection; more would only wait to be refused. */
const WAITING_MAX = 2_000;

const ALIVE = "select 1 from pg_stat_activity where pid = cast($1 as integer) and state <> 'idle'";

interface CheckedOut {
  readonly connection: Connection;
  readonly sinceMono: number;
  usedMono: number;
  /** Whether one statement may take any time; then another session checks whether the server still works on it. */
  long?: boolean;
  /** When that was checked last. */
  askedMono?: number;
}

interface Waiter {
  readonly resolve: (connection: Connection) => void;
  readonly reject: (error: unknown) => void;
  timer: Timer | undefined;
}

/**
 * Lends a bounded number of connections, each to one caller at a time, the most recently used first. Callers that wait are served in
 * order, and refused when it takes too long. Broken connections are replaced when they are needed.
 */
export class Pool {
  readonly #options: PoolOptions;
  readonly #all = new Map<Connection, CheckedOut>();
  readonly #idle: CheckedOut[] = [];
  readonly #waiting: Waiter[] = [];
  #opening = 0;
  #closed = false;
  #sweep: Timer | undefined;
  #emptied: (() => void) | undefined;

  constructor(options: PoolOptions) {
    this.#options = options;
  }

  /**
   * Lends a connection.
   * @param first whether to go ahead of the callers that wait
   * @throws RametError StoreUnavailable when none can be had in time, when the server cannot be reached, and after `close`
   */
  take(first = false): Promise<Connection> {
    if (this.#closed) return Promise.reject(closed(this.#options.service));
    const idle = this.#takeIdle();
    if (idle) return Promise.resolve(idle);
    const { service, max, waitMs, platform } = this.#options;
    if (this.#waiting.length >= WAITING_MAX)
      return Promise.reject(unavailable(service, `${WAITING_MAX} callers wait for one of its ${max} connections`));
    return new Promise((resolve, reject) => {
      const waiter: Waiter = { resolve, reject, timer: undefined };
      if (first) this.#waiting.unshift(waiter);
      else this.#waiting.push(waiter);
      if (this.#all.size + this.#opening < max && this.#opening < this.#waiting.length) void this.#open();
      if (!this.#waiting.includes(waiter)) return;
      waiter.timer = platform.timers.set(waitMs, () => {
        const i = this.#waiting.indexOf(waiter);
        if (i < 0) return;
        this.#waiting.splice(i, 1);
        reject(unavailable(service, `none of its ${max} connections became free within ${waitMs} ms`));
      });
    });
  }

  /** Exempts a statement of this connection from the limit on outstanding answers, until the connection is returned. */
  allowLong(connection: Connection): void {
    const held = this.#all.get(connection);
    if (held) held.long = true;
  }

  /** Takes a connection back, or drops it when it is broken or `spoilt`. */
  give(connection: Connection, spoilt = false): void {
    const held = this.#all.get(connection);
    if (!held) return;
    const { clock } = this.#options.platform;
    held.usedMono = clock.monoNow();
    held.long = false;
    if (spoilt) connection.destroy();
    if (connection.lost !== undefined) this.#drop(connection);
    else if (clock.monoNow() - held.sinceMono > AGE_MS) this.#retire(connection);
    else if (!this.#serve(connection)) this.#idle.push(held);
    // A caller that waits for a lost connection needs another one.
    if (this.#waiting.length > this.#opening && this.#all.size + this.#opening < this.#options.max) void this.#open();
    this.#settle();
  }

  /** Resolves when no caller has or waits for a connection and all connections are ended. */
  async close(): Promise<void> {
    this.#closed = true;
    while (this.#all.size > this.#idle.length || this.#opening > 0 || this.#waiting.length > 0)
      await new Promise<void>((resolve) => {
        this.#emptied = resolve;
      });
    this.#sweep?.cancel();
    this.#sweep = undefined;
    const { farewell } = this.#options;
    await Promise.all(
      this.#idle.splice(0).map(async ({ connection }) => {
        await farewell?.(connection).catch(() => {});
        await connection.end();
      }),
    );
    this.#all.clear();
  }

  #takeIdle(): Connection | undefined {
    for (;;) {
      const held = this.#idle.pop();
      if (!held || held.connection.lost === undefined) return held?.connection;
      this.#drop(held.connection);
    }
  }

  #serve(connection: Connection): boolean {
    const waiter = this.#waiting.shift();
    waiter?.timer?.cancel();
    waiter?.resolve(connection);
    return waiter !== undefined;
  }

  async #open(): Promise<void> {
    this.#opening++;
    const { connect, service, platform } = this.#options;
    let connection: Connection | undefined;
    let failure: unknown;
    try {
      connection = await connect();
    } catch (error) {
      failure = error;
    }
    this.#opening--;
    if (connection) {
      const now = platform.clock.monoNow();
      const held = { connection, sinceMono: now, usedMono: now };
      this.#all.set(connection, held);
      if (!this.#serve(connection)) this.#idle.push(held);
      this.#watch();
    } else if (!(tooManyConnections(failure) && this.#all.size > 0)) {
      // If the server accepts no further connection, the callers share the existing ones.
      const waiter = this.#waiting.shift();
      waiter?.timer?.cancel();
      const error = translated(failure, service);
      waiter?.reject(error === failure ? unavailable(service, reasonOf(failure), failure) : error);
    }
    this.#settle();
  }

  #drop(connection: Connection): void {
    this.#all.delete(connection);
  }

  #retire(connection: Connection): void {
    this.#drop(connection);
    const { farewell } = this.#options;
    void (farewell ? farewell(connection).catch(() => {}) : Promise.resolve()).then(() => connection.end());
  }

  #settle(): void {
    this.#emptied?.();
    this.#emptied = undefined;
  }

  /** Periodically ends idle connections, drops broken ones, and cuts those that have become silent. */
  #watch(): void {
    if (this.#sweep || this.#closed) return;
    const { platform, silenceMs } = this.#options;
    this.#sweep = platform.timers.set(SWEEP_MS, () => {
      this.#sweep = undefined;
      const now = platform.clock.monoNow();
      for (const held of this.#all.values()) {
        if (held.connection.waitingMs <= silenceMs) continue;
        if (!held.long) held.connection.destroy(silent(silenceMs));
        else if (now - (held.askedMono ?? Number.NEGATIVE_INFINITY) > silenceMs) {
          held.askedMono = now;
          void this.#askOf(held);
        }
      }
      for (let i = this.#idle.length - 1; i >= 0; i--) {
        const { connection, usedMono, sinceMono } = this.#idle[i] as CheckedOut;
        const old = now - usedMono > IDLE_MS || now - sinceMono > AGE_MS;
        if (connection.lost === undefined && !old) continue;
        this.#idle.splice(i, 1);
        if (connection.lost === undefined) this.#retire(connection);
        else this.#drop(connection);
      }
      if (this.#all.size > 0) this.#watch();
    });
  }

  /** Cuts a connection whose statement takes long if the server does not know the statement any more, or does not answer at all. */
  async #askOf({ connection }: CheckedOut): Promise<void> {
    const { connect, platform, silenceMs } = this.#options;
    let asking: Connection | undefined;
    try {
      asking = await connect();
      const patience = platform.timers.set(silenceMs, () => asking?.destroy(silent(silenceMs)));
      const { answers, error } = await asking.send([{ text: ALIVE, name: undefined, values: [String(connection.processId)] }]);
      patience.cancel();
      if (error !== undefined || answers[0]?.rows.length === 0) connection.destroy(silent(silenceMs));
    } catch (error) {
      connection.destroy(error);
    } finally {
      await asking?.end();
    }
  }
}

const silent = (forMs: number): Error => new Error(`the server has not answered for ${forMs} ms`);
