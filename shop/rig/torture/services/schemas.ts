import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import pg from 'pg';
import type { SagaSeen } from '../saga-watch.ts';
import { SERVICES, type Subscriptions } from '../subscriptions.ts';
import type { Unfinished } from '../unfinished.ts';

/**
 * The column that a copied table has more: rows with a lower number were written before those with a higher one. Those of one
 * transaction may share one, because a server that was restarted at once does not know their order any more.
 */
export const TURN = 'ramet_turn';

/** What is in the schemas of the services, seen by a superuser past everything that stands between them and PostgreSQL. */
export class Schemas implements AsyncDisposable {
  readonly #pool: pg.Pool;

  /** @param url of the database in which each service has a schema of its own name */
  constructor(url: string) {
    this.#pool = new pg.Pool({ connectionString: url, max: 2, application_name: 'torture' });
    // The server is restarted; the next query says what matters.
    this.#pool.on('error', () => {});
  }

  /** What is under way. @throws what the server says, where it cannot be asked */
  async unfinished(subscriptions: Subscriptions): Promise<Unfinished> {
    const everywhere = (count: (schema: string) => string) => SERVICES.map((schema) => `(${count(schema)})`).join(' + ');
    const counts = {
      pendingOrders: "(select count(*) from orders.orders where status = 'pending')",
      openSagas: "(select count(*) from orders.ramet_sagas where state = 'RUNNING')",
      compensations: "(select count(*) from orders.ramet_sagas where state = 'COMPENSATING')",
      effects: everywhere((schema) => `select count(*) from ${schema}.ramet_fences where state in ('STARTED', 'CANCELLING')`),
      events: [...subscriptions].flatMap(([subscriber, topics]) => unhandled(subscriber, topics)).join(' + '),
      timers: everywhere((schema) => `select count(*) from ${schema}.ramet_timers`),
      retries: ['ramet_retries', 'ramet_parked', 'ramet_halts']
        .map((table) => everywhere((schema) => `select count(*) from ${schema}.${table}`))
        .join(' + '),
    };
    const columns = Object.entries(counts).map(([name, sql]) => `(${sql})::int as "${name}"`);
    const { rows } = await this.#pool.query<Unfinished & Record<string, number>>(`select ${columns.join(',\n')}`);
    return rows[0] as Unfinished;
  }

  /** The sagas as they are now. */
  async sagas(): Promise<SagaSeen[]> {
    const { rows } = await this.#pool.query<SagaSeen>(
      `select id, state, version::int as version, epoch::int as epoch,
         (select count(*)::int from orders.ramet_saga_log where saga_id = id) as entries from orders.ramet_sagas`,
    );
    return rows;
  }

  /** Whether every table and every index of the services is as it must be (amcheck). @returns what is not */
  async unsound(): Promise<string[]> {
    const wrong: string[] = [];
    await this.#pool.query('create extension if not exists amcheck');
    const { rows } = await this.#pool.query<{ oid: number; name: string; kind: string }>(
      `select c.oid::int, c.oid::regclass::text as name, c.relkind::text as kind from pg_class c
       where c.relnamespace::regnamespace::text = any($1) and (c.relkind = 'r' or
         (c.relkind = 'i' and c.relam = (select oid from pg_am where amname = 'btree')))`,
      [[...SERVICES, 'ramet_bus']],
    );
    for (const { oid, name, kind } of rows) {
      const sql = kind === 'r' ? 'select msg from verify_heapam($1::oid::regclass)' : 'select bt_index_check($1::oid::regclass, true)';
      try {
        const found = await this.#pool.query<{ msg?: string }>(sql, [oid]);
        for (const { msg } of found.rows) if (msg) wrong.push(`${name}: ${msg}`);
      } catch (error) {
        wrong.push(`${name}: ${(error as Error).message}`);
      }
    }
    return wrong;
  }

  /**
   * Copies the tables of every service into `<folder>/<service>.db`, so that one verdict reads all ways to run the shop.
   * {@link TURN} says in which order its rows were written, those of one transaction alike.
   */
  async copyTo(folder: string): Promise<void> {
    for (const service of SERVICES) {
      const file = join(folder, `${service}.db`);
      rmSync(file, { force: true });
      using database = new DatabaseSync(file);
      database.exec('begin');
      for (const [table, columns] of await this.#tables(service)) await this.#copy(database, `${service}.${quoted(table)}`, table, columns);
      database.exec('commit');
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#pool.end();
  }

  async #tables(schema: string): Promise<Map<string, Column[]>> {
    const { rows } = await this.#pool.query<Column & { table: string }>(
      `select c.relname as table, a.attname as name, t.typname in ('int2', 'int4', 'int8') as whole from pg_class c
       join pg_attribute a on a.attrelid = c.oid join pg_type t on t.oid = a.atttypid
       where c.relnamespace = $1::regnamespace and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped order by c.relname, a.attnum`,
      [schema],
    );
    return Map.groupBy(rows, ({ table }) => table);
  }

  async #copy(database: DatabaseSync, source: string, table: string, columns: readonly Column[]): Promise<void> {
    const names = columns.map(({ name }) => quoted(name));
    const typed = columns.map(({ name, whole }) => `${quoted(name)} ${whole ? 'integer' : 'text'}`);
    database.exec(`create table ${quoted(table)} (${typed.join(', ')}, ${TURN} integer)`);
    const insert = database.prepare(
      `insert into ${quoted(table)} (${names.join(', ')}, ${TURN}) values (${names.map(() => '?').join(', ')}, ?)`,
    );
    // A transaction gets its number when it first writes: those that follow each other have rising ones. Within one the order is
    // unknown: what a server has restored after a crash has lost the number of its statement (cmin).
    const written = 'xmin::text::bigint';
    const { rows } = await this.#pool.query<(string | null)[]>({
      text: `select ${names.map((name) => `${name}::text`).join(', ')}, dense_rank() over (order by ${written})::text
             from ${source} order by ${written}`,
      rowMode: 'array',
    });
    for (const row of rows)
      insert.run(...row.map((value, i): SQLInputValue => (value !== null && columns[i]?.whole !== false ? BigInt(value) : value)));
  }
}

interface Column {
  readonly name: string;
  readonly whole: boolean;
}

/** For each source of a subscriber: how many of its events are not in the inbox yet, whichever way they come. */
function unhandled(subscriber: string, topics: ReadonlySet<string>): string[] {
  const home = subscriber.split('.')[0] as string;
  return [...new Set([...topics].map((topic) => topic.split('.')[0] as string))].map((source) => {
    const listed = [...topics].map((topic) => `'${topic}'`).join(', ');
    return `(select count(*) from ${source}.ramet_outbox o where o.event in (${listed}) and not exists
      (select from ${home}.ramet_inbox i where i.subscriber = '${subscriber}' and i.event_id = o.event_id))`;
  });
}

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
