import type pg from 'pg';
import type { Platform } from '../../platform/index.ts';
import { newClient, wireOf } from './driver.ts';
import { sessionEnded } from './errors.ts';
import { Exchange, type PreparedStatements, type SentOutcome } from './exchange.ts';
import type { Statement } from './statements.ts';

/** The options of one session. */
export interface ConnectOptions {
  readonly platform: Platform;
  readonly url: string;
  /** Settings of the session, from its first statement on. */
  readonly settings: Readonly<Record<string, string>>;
  readonly application: string;
  readonly connectTimeoutMs: number;
}

/** How long the server may take to end a session. */
const FAREWELL_MS = 2_000;

/**
 * One session. Statements that are sent together are one packet, and so are their answers. Statements that are sent before the answer
 * has arrived follow at once (the protocol's pipelining). Frequent statements are prepared, and described once.
 */
export class Connection {
  readonly #client: pg.Client;
  readonly #platform: Platform;
  readonly #prepared: PreparedStatements = new Map();
  /** Names that the server may or may not have, because their statement failed. */
  readonly #doubtful = new Set<string>();
  #pending = 0;
  #progressMono = 0;
  #lost: unknown;

  private constructor(client: pg.Client, platform: Platform) {
    this.#client = client;
    this.#platform = platform;
    client.on('error', (error) => {
      this.#lost ??= error;
    });
    client.on('end', () => {
      this.#lost ??= new Error('the connection ended');
    });
  }

  /** Opens a session. @throws the error of the server or the network */
  static async open({ platform, url, settings, application, connectTimeoutMs }: ConnectOptions): Promise<Connection> {
    const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`);
    const client = newClient({
      connectionString: url,
      options: options.join(' '),
      application_name: application,
      connectionTimeoutMillis: connectTimeoutMs,
      keepAlive: true,
      keepAliveInitialDelayMillis: 5_000,
      pipeline: true,
    } as pg.ClientConfig);
    const connection = new Connection(client, platform);
    try {
      await client.connect();
    } catch (error) {
      connection.destroy();
      throw error;
    }
    return connection;
  }

  /** Why this session cannot be used any more; undefined while it can. */
  get lost(): unknown {
    return this.#lost;
  }

  /** How long an answer of the server has been outstanding, in milliseconds; 0 when none is. */
  get waitingMs(): number {
    return this.#pending === 0 ? 0 : this.#platform.clock.monoNow() - this.#progressMono;
  }

  /** Sends statements together: if one fails, later ones are not executed. */
  send(statements: readonly Statement[]): Promise<SentOutcome> {
    if (this.#pending++ === 0) this.#progressMono = this.#platform.clock.monoNow();
    return new Promise((resolve) => {
      const settle = (outcome: SentOutcome) => {
        this.#pending--;
        this.#progressMono = this.#platform.clock.monoNow();
        if (sessionEnded(outcome.error)) this.#lost ??= outcome.error;
        resolve(outcome);
      };
      this.#client.query(new Exchange(statements, this.#prepared, this.#doubtful, settle) as never);
    });
  }

  /** Ends the session regularly, and does not wait for a server that does not close it. */
  async end(): Promise<void> {
    if (this.#lost !== undefined) return;
    const patience = this.#platform.timers.set(FAREWELL_MS, () => this.destroy());
    await this.#client.end().catch(() => {});
    patience.cancel();
  }

  /** Cuts the session; statements under way fail. */
  destroy(why?: unknown): void {
    this.#lost ??= why ?? new Error('the connection was abandoned');
    wireOf(this.#client).stream.destroy();
  }

  /** Calls `onHeard` with the channel of each notification, and the process id of the session that sent it. */
  onNotification(onHeard: (channel: string, processId: number) => void): void {
    this.#client.on('notification', ({ channel, processId }) => onHeard(channel, processId));
  }

  get processId(): number {
    return (this.#client as unknown as { processID: number }).processID;
  }

  /** Calls `onEnd` when the session has ended. */
  onLost(onEnd: () => void): void {
    this.#client.on('end', onEnd);
  }
}
