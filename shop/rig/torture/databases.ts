import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync, type SQLInputValue } from 'node:sqlite';

/** What is on disk under a DATA_DIR, read only: nothing here changes what a killed shop has left. */
export class Databases implements Disposable {
  readonly #dataDir: string;
  readonly #open = new Map<string, DatabaseSync>();

  constructor(dataDir: string) {
    this.#dataDir = dataDir;
  }

  has(name: string): boolean {
    return existsSync(this.#file(name));
  }

  /** Rows of a statement in the database of a service, of `provider` or of `mail`. */
  rows<Row = Record<string, string | number | null>>(name: string, sql: string, ...params: SQLInputValue[]): Row[] {
    return this.#database(name)
      .prepare(sql)
      .all(...params) as Row[];
  }

  /** The one number that a statement answers. */
  count(name: string, sql: string, ...params: SQLInputValue[]): number {
    const [row] = this.rows<Record<string, number>>(name, sql, ...params);
    return Number(Object.values(row ?? {})[0] ?? 0);
  }

  [Symbol.dispose](): void {
    for (const database of this.#open.values()) database.close();
    this.#open.clear();
  }

  #database(name: string): DatabaseSync {
    const known = this.#open.get(name);
    if (known) return known;
    const database = new DatabaseSync(this.#file(name), { readOnly: true, timeout: 5_000 });
    this.#open.set(name, database);
    return database;
  }

  #file(name: string): string {
    return name === 'provider' || name === 'mail' ? join(this.#dataDir, name, `${name}.db`) : join(this.#dataDir, `${name}.db`);
  }
}
