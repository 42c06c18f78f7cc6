import { backoffMs, type Timer } from '../../platform/index.ts';
import type { StoreEnvironment } from '../factory.ts';
import type { Hints } from '../hints.ts';
import type { Connection } from './connection.ts';
import { Statements } from './statements.ts';

/** The first hint after a pause is sent at once, later ones together: a busy store sends fifty per second, not one per commit. */
const APART_MS = 20;
const BACKOFF = { baseMs: 200, capMs: 5_000 };

/**
 * Wakes other processes by LISTEN and NOTIFY, on its own connection. A NOTIFY inside the transaction would make all commits of the
 * database wait for each other: the server locks the queue until the commit is durable. So it is sent after the commit, together with
 * others. A lost hint only means a later wake-up.
 */
export class Notifications implements Hints {
  readonly #environment: StoreEnvironment;
  readonly #connect: () => Promise<Connection>;
  readonly #schema: string;
  readonly #statements = new Statements();
  readonly #wakers = new Map<string, Set<() => void>>();
  readonly #waiting = new Set<string>();
  #connection: Promise<Connection | undefined> | undefined;
  #timer: Timer | undefined;
  #sentMono = Number.NEGATIVE_INFINITY;
  #again: Timer | undefined;
  #failures = 0;
  #interrupted = false;
  #closed = false;

  constructor(environment: StoreEnvironment, schema: string, connect: () => Promise<Connection>) {
    this.#environment = environment;
    this.#schema = schema;
    this.#connect = connect;
  }

  notify(topic: string): void {
    this.#waiting.add(topic);
    if (this.#timer || this.#closed) return;
    const { clock, timers } = this.#environment.platform;
    const inMs = Math.max(0, this.#sentMono + APART_MS - clock.monoNow());
    this.#timer = timers.set(inMs, () => {
      this.#timer = undefined;
      this.#sentMono = clock.monoNow();
      void this.#flush();
    });
  }

  listen(topic: string, wake: () => void): () => void {
    const known = this.#wakers.get(topic);
    if (known) known.add(wake);
    else {
      this.#wakers.set(topic, new Set([wake]));
      if (this.#connection) void this.#connection.then((connection) => connection && this.#subscribe(connection, topic));
    }
    void this.#connected();
    return () => void this.#wakers.get(topic)?.delete(wake);
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#timer?.cancel();
    this.#again?.cancel();
    await (await this.#connection)?.end();
  }

  async #flush(): Promise<void> {
    const topics = [...this.#waiting];
    this.#waiting.clear();
    const connection = await this.#connected();
    if (!connection) return;
    const statements = topics.map((topic) => this.#statements.ours('select pg_notify(?, ?)', [this.#channel(topic), '']));
    await connection.send(statements);
  }

  #channel(topic: string): string {
    return `ramet:${this.#schema}:${topic}`;
  }

  #connected(): Promise<Connection | undefined> {
    if (this.#closed) return Promise.resolve(undefined);
    this.#connection ??= this.#open();
    return this.#connection;
  }

  async #open(): Promise<Connection | undefined> {
    let connection: Connection;
    try {
      connection = await this.#connect();
    } catch {
      this.#later();
      return undefined;
    }
    connection.onLost(() => {
      this.#interrupted = true;
      this.#later();
    });
    connection.onNotification((channel, processId) => {
      // This process does not need its own notifications.
      if (processId === connection.processId) return;
      for (const [topic, wakers] of this.#wakers) if (this.#channel(topic) === channel) for (const wake of wakers) wake();
    });
    for (const topic of this.#wakers.keys()) await this.#subscribe(connection, topic);
    this.#failures = 0;
    // Notifications that were sent while this process did not listen are not repeated.
    if (this.#interrupted) for (const wakers of this.#wakers.values()) for (const wake of wakers) wake();
    return connection;
  }

  async #subscribe(connection: Connection, topic: string): Promise<void> {
    await connection.send([{ text: `listen "${this.#channel(topic).replaceAll('"', '""')}"`, name: undefined, values: [] }]);
  }

  #later(): void {
    if (this.#closed || this.#again) return;
    const { platform } = this.#environment;
    this.#failures++;
    this.#again = platform.timers.set(backoffMs(platform, BACKOFF, this.#failures), () => {
      this.#again = undefined;
      this.#connection = undefined;
      if (this.#wakers.size > 0) void this.#connected();
    });
  }
}
