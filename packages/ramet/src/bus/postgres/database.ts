import type pg from 'pg';
import { Periodic, type Platform, type Source, sourced } from '../../platform/index.ts';
import { asBusError } from './away.ts';
import { driver, MIGRATIONS, type TableNames } from './schema.ts';

const CONNECTIONS = 8;
const CONNECT_MS = 5_000;
const STATEMENT_MS = 30_000;
/** A server that does not answer for so long does not enforce its own limit either. */
const SILENCE_MS = STATEMENT_MS + 5_000;
const RECONNECT_MS = 1_000;
/** How often a connection that only listens is asked whether it is still there. */
const LISTEN_CHECK_MS = 10_000;

type Value = string | number | readonly string[];

/** The database of the bus: a bounded pool, and one connection that listens. Nothing connects before the first query. */
export class BusDatabase {
  readonly names: TableNames;
  readonly #source: Source;
  readonly #platform: Platform;
  #pool: Promise<pg.Pool> | undefined;
  #ready: Promise<void> | undefined;
  #listener: NotifyListener | undefined;

  /** @param source the URL; resolved again after a connection was refused */
  constructor(platform: Platform, source: Source, names: TableNames) {
    this.#platform = platform;
    this.#source = source;
    this.names = names;
  }

  /** Runs one statement, prepared under `name`. @throws RametError Unavailable in an outage, Misconfigured when the server refuses for good */
  query<R>(name: string, text: string, ...values: Value[]): Promise<R[]> {
    return this.#translated(async () => {
      await this.#migrated();
      return (await (await this.#pooled()).query({ name, text, values: values as unknown[] })).rows;
    });
  }

  /** Runs `work` in one transaction. @throws as {@link query}, and what `work` throws */
  transaction<T>(work: (query: <R>(text: string, ...values: Value[]) => Promise<R[]>) => Promise<T>): Promise<T> {
    return this.#translated(async () => {
      await this.#migrated();
      return this.#inTransaction(work);
    });
  }

  /** A setting of the server, as `show` says it. @throws as {@link query} */
  setting(name: string): Promise<string> {
    return this.#translated(async () => {
      await this.#migrated();
      const { rows } = await (await this.#pooled()).query('select current_setting($1) as value', [name]);
      return rows[0].value;
    });
  }

  /** Calls `hear` with every message on the channel, and with undefined when some may have been missed. */
  listen(hear: (message: string | undefined) => void): void {
    this.#listener = new NotifyListener(this.#platform, this.#source, this.names.channel, hear);
  }

  /** Whether messages come at present. */
  get listening(): boolean {
    return this.#listener?.connected ?? false;
  }

  async close(): Promise<void> {
    await this.#listener?.stop();
    await (await this.#pool?.catch(() => undefined))?.end();
  }

  #pooled(): Promise<pg.Pool> {
    if (this.#pool) return this.#pool;
    const pool = sourced(this.#source).then((connectionString) => {
      const made = new driver.Pool({
        connectionString,
        max: CONNECTIONS,
        connectionTimeoutMillis: CONNECT_MS,
        statement_timeout: STATEMENT_MS,
        query_timeout: SILENCE_MS,
        idle_in_transaction_session_timeout: STATEMENT_MS,
        keepAlive: true,
        application_name: 'ramet bus',
      });
      // A connection that breaks while it is idle: the pool makes another one.
      made.on('error', () => {});
      return made;
    });
    this.#pool = pool;
    // The next query resolves a URL again that is unavailable now.
    pool.catch(() => {
      if (this.#pool === pool) this.#pool = undefined;
    });
    return pool;
  }

  async #translated<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      const known = asBusError(error);
      // The next connection resolves the URL again: its password may have been replaced.
      if (known !== error && typeof this.#source !== 'string') this.#renew();
      throw known;
    }
  }

  #renew(): void {
    const old = this.#pool;
    this.#pool = undefined;
    void old?.then((pool) => pool.end()).catch(() => {});
  }

  /** Brings the schema up to date, once; a process that starts at the same time waits. */
  #migrated(): Promise<void> {
    this.#ready ??= this.#inTransaction(async (query) => {
      const { schema, channel } = this.names;
      await query('select pg_advisory_xact_lock(hashtext($1))', channel);
      const [known] = await query<{ ran: boolean }>('select to_regclass($1) is not null as ran', `${schema}.migrations`);
      if (!known?.ran) {
        await query(`create schema if not exists ${schema}`);
        await query(`create table ${schema}.migrations (number integer primary key, at timestamptz not null default now())`);
      }
      const [{ count } = { count: 0 }] = await query<{ count: number }>(`select count(*)::int as count from ${schema}.migrations`);
      for (let i = count; i < MIGRATIONS.length; i++) {
        await query((MIGRATIONS[i] as (names: TableNames) => string)(this.names));
        await query(`insert into ${schema}.migrations (number) values ($1)`, i + 1);
      }
    }).catch((error: unknown) => {
      this.#ready = undefined;
      throw error;
    });
    return this.#ready;
  }

  async #inTransaction<T>(work: (query: <R>(text: string, ...values: Value[]) => Promise<R[]>) => Promise<T>): Promise<T> {
    const client = await (await this.#pooled()).connect();
    let broken: Error | undefined;
    const onError = (error: Error) => {
      broken = error;
    };
    client.on('error', onError);
    try {
      await client.query('begin');
      const value = await work(async (text, ...values) => {
        const answer = values.length > 0 ? await client.query(text, values as unknown[]) : await client.query(text);
        return answer.rows ?? [];
      });
      await client.query('commit');
      return value;
    } catch (error) {
      await client.query('rollback').catch((failed: Error) => {
        broken = failed;
      });
      throw error;
    } finally {
      client.off('error', onError);
      client.release(broken);
    }
  }
}

/** A connection that listens, and is opened again when it breaks. */
class NotifyListener {
  readonly #loop: Periodic;
  #client: pg.Client | undefined;

  constructor(platform: Platform, source: Source, channel: string, hear: (message: string | undefined) => void) {
    this.#loop = new Periodic(platform, async () => {
      try {
        if (this.#client) {
          await this.#client.query('select 1');
          return LISTEN_CHECK_MS;
        }
        await this.#connect(await sourced(source), channel, hear);
        hear(undefined);
        return LISTEN_CHECK_MS;
      } catch {
        // Readers and relays report the same failure, and poll meanwhile.
        await this.#drop();
        return RECONNECT_MS;
      }
    });
    this.#loop.start();
  }

  get connected(): boolean {
    return this.#client !== undefined;
  }

  async stop(): Promise<void> {
    const stopped = this.#loop.stop();
    await this.#drop();
    await stopped;
    await this.#drop();
  }

  async #connect(url: string, channel: string, hear: (message: string | undefined) => void): Promise<void> {
    const client = new driver.Client({
      connectionString: url,
      connectionTimeoutMillis: CONNECT_MS,
      query_timeout: CONNECT_MS,
      keepAlive: true,
      application_name: 'ramet bus listener',
    });
    client.on('error', () => {
      if (this.#client === client) this.#client = undefined;
      this.#loop.wake();
    });
    client.on('notification', ({ payload }) => hear(payload));
    try {
      await client.connect();
      await client.query(`listen ${driver.escapeIdentifier(channel)}`);
      this.#client = client;
    } catch (error) {
      await client.end().catch(() => {});
      throw error;
    }
  }

  async #drop(): Promise<void> {
    const client = this.#client;
    this.#client = undefined;
    await client?.end().catch(() => {});
  }
}
