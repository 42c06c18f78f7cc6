import type pg from 'pg';
import { peer } from '../../errors/index.ts';
import type { Platform } from '../../platform/index.ts';
import { sessionEnded } from './errors.ts';
import { Messages } from './messages.ts';
import type { Statement } from './statements.ts';
import { reader } from './values.ts';

const { default: driver } = await peer('pg', 'ramet/store/postgres', () => import('pg'));

/** What one statement answered. */
export interface Answer {
  readonly rows: readonly unknown[];
  readonly changes: number;
  /** The word the server answers with: INSERT, SELECT, COMMIT … */
  readonly command: string;
}

/** What came of statements that were sent together: one answer for each that succeeded, and why the next one failed. */
export interface Outcome {
  readonly answers: readonly Answer[];
  readonly error: unknown;
}

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

interface Column {
  readonly name: string;
  readonly read: (text: string) => unknown;
}

/** What this file needs of the driver's connection. */
interface Wire {
  readonly stream: { readonly writable: boolean; write(bytes: Buffer): void; destroy(): void };
}

/** Names that this session has prepared; how their rows look, once that has been told. */
type Prepared = Map<string, readonly Column[] | undefined>;

/**
 * One session. Statements that are sent together travel in one packet and are answered in one; those sent before the
 * answer has come follow at once (the protocol's pipelining). Frequent statements are prepared, and described once.
 */
export class Connection {
  readonly #client: pg.Client;
  readonly #platform: Platform;
  readonly #prepared: Prepared = new Map();
  /** Names of which is not known whether the server has them: their statement failed. */
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

  /** @throws what the server or the network says */
  static async open({ platform, url, settings, application, connectTimeoutMs }: ConnectOptions): Promise<Connection> {
    const options = Object.entries(settings).map(([name, value]) => `-c ${name}=${value.replace(/[\\ ]/g, '\\$&')}`);
    const client = new driver.Client({
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

  /** For how long the server has owed an answer, in milliseconds; 0 when it owes none. */
  get waitingMs(): number {
    return this.#pending === 0 ? 0 : this.#platform.clock.monoNow() - this.#progressMono;
  }

  /** Sends statements together: when one fails, those behind it are not executed. */
  send(statements: readonly Statement[]): Promise<Outcome> {
    if (this.#pending++ === 0) this.#progressMono = this.#platform.clock.monoNow();
    return new Promise((resolve) => {
      const settle = (outcome: Outcome) => {
        this.#pending--;
        this.#progressMono = this.#platform.clock.monoNow();
        if (sessionEnded(outcome.error)) this.#lost ??= outcome.error;
        resolve(outcome);
      };
      this.#client.query(new Exchange(statements, this.#prepared, this.#doubtful, settle) as never);
    });
  }

  /** Ends the session politely; a server that does not take leave of it is not waited for. */
  async end(): Promise<void> {
    if (this.#lost !== undefined) return;
    const patience = this.#platform.timers.set(FAREWELL_MS, () => this.destroy());
    await this.#client.end().catch(() => {});
    patience.cancel();
  }

  /** Cuts the session off; what it waits for fails. */
  destroy(why?: unknown): void {
    this.#lost ??= why ?? new Error('the connection was given up');
    wireOf(this.#client).stream.destroy();
  }

  /** Calls `heard` with the channel of each notification, and the process id of the session that sent it. */
  onNotification(heard: (channel: string, processId: number) => void): void {
    this.#client.on('notification', ({ channel, processId }) => heard(channel, processId));
  }

  get processId(): number {
    return (this.#client as unknown as { processID: number }).processID;
  }

  onLost(told: () => void): void {
    this.#client.on('end', told);
  }
}

const wireOf = (client: pg.Client): Wire => (client as unknown as { connection: Wire }).connection;

/**
 * Statements between two of the protocol's synchronisation points. The driver's own query (`pg/lib/query.js`, whose place this
 * takes) sends one statement each, asks to have every answer described, and knows of no transaction: a BEGIN that fails must
 * keep what follows from running.
 */
class Exchange {
  readonly #statements: readonly Statement[];
  readonly #prepared: Prepared;
  readonly #doubtful: Set<string>;
  readonly #settle: (outcome: Outcome) => void;
  readonly #answers: Answer[] = [];
  #columns: readonly Column[] | undefined;
  #rows: unknown[] = [];
  #error: unknown;
  #settled = false;
  /** The driver leaves a query alone that has one. */
  readonly callback = () => {};

  constructor(statements: readonly Statement[], prepared: Prepared, doubtful: Set<string>, settle: (outcome: Outcome) => void) {
    this.#statements = statements;
    this.#prepared = prepared;
    this.#doubtful = doubtful;
    this.#settle = settle;
  }

  submit(wire: Wire): void {
    const messages = new Messages();
    for (const statement of this.#statements) this.#put(messages, statement);
    messages.sync();
    // On a stream that is gone nothing is written; the driver tells everybody who waits.
    if (wire.stream.writable) wire.stream.write(messages.packet());
  }

  #put(messages: Messages, { text, name = '', values }: Statement): void {
    const columns = this.#prepared.get(name);
    if (name === '' || !this.#prepared.has(name)) {
      if (name !== '') {
        if (this.#doubtful.delete(name)) messages.close(name);
        this.#prepared.set(name, undefined);
      }
      messages.parse(name, text);
    }
    messages.bind(name, values);
    if (columns === undefined) messages.describe();
    messages.execute();
  }

  get #current(): Statement | undefined {
    return this.#statements[this.#answers.length];
  }

  handleRowDescription({ fields }: { fields: readonly { name: string; dataTypeID: number }[] }): void {
    this.#columns = fields.map(({ name, dataTypeID }) => ({ name, read: reader(dataTypeID) }));
  }

  handleDataRow({ fields }: { fields: readonly (string | null)[] }): void {
    if (this.#error !== undefined) return;
    const name = this.#current?.name;
    this.#columns ??= name === undefined ? undefined : this.#prepared.get(name);
    const columns = this.#columns ?? [];
    const row: Record<string, unknown> = {};
    try {
      for (let i = 0; i < columns.length; i++) {
        const column = columns[i] as Column;
        const text = fields[i] as string | null;
        row[column.name] = text === null ? null : column.read(text);
      }
      this.#rows.push(row);
    } catch (error) {
      this.#error = error;
    }
  }

  handleCommandComplete({ text }: { text: string }): void {
    const name = this.#current?.name;
    if (name !== undefined && this.#prepared.has(name) && this.#prepared.get(name) === undefined)
      this.#prepared.set(name, this.#columns ?? []);
    const space = text.indexOf(' ');
    const command = space < 0 ? text : text.slice(0, space);
    const changes = command === 'SELECT' || space < 0 ? 0 : Number(text.slice(text.lastIndexOf(' ') + 1)) || 0;
    this.#answers.push({ rows: this.#rows, changes, command });
    this.#columns = undefined;
    this.#rows = [];
  }

  handleEmptyQuery(): void {
    this.#answers.push({ rows: [], changes: 0, command: '' });
  }

  handleError(error: unknown): void {
    for (const { name } of this.#statements.slice(this.#answers.length)) {
      if (name === undefined || this.#prepared.get(name) !== undefined) continue;
      this.#prepared.delete(name);
      this.#doubtful.add(name);
    }
    this.#end(error);
  }

  handleReadyForQuery(): void {
    this.#end(this.#error);
  }

  handlePortalSuspended(): void {}

  handleCopyInResponse(wire: { sendCopyFail(reason: string): void }): void {
    wire.sendCopyFail('COPY is not for handlers');
  }

  handleCopyData(): void {}

  #end(error: unknown): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#settle({ answers: this.#answers, error });
  }
}

// The driver lets nobody else use its pipeline, and asks by `instanceof`.
Object.setPrototypeOf(Exchange.prototype, driver.Query.prototype);
