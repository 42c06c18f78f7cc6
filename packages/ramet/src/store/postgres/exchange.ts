import type { QueryResult } from 'kysely';
import { admitToPipeline, type Wire } from './driver.ts';
import { Messages } from './messages.ts';
import type { Statement } from './statements.ts';
import { reader } from './values.ts';

/** The answer to one statement. */
export interface Answer {
  readonly rows: readonly unknown[];
  readonly changes: number;
  /** The first word of the server's answer: INSERT, SELECT, COMMIT … */
  readonly command: string;
}

/** Converts an answer for Kysely. */
export function resultOf({ rows, command, changes }: Answer): QueryResult<any> {
  const counted = command === 'INSERT' || command === 'UPDATE' || command === 'DELETE' || command === 'MERGE';
  return { rows: rows as unknown[], ...(counted ? { numAffectedRows: BigInt(changes) } : {}) };
}

/** The outcome of statements that were sent together: one answer for each that succeeded, and why the next one failed. */
export interface SentOutcome {
  readonly answers: readonly Answer[];
  readonly error: unknown;
}

interface ColumnReader {
  readonly name: string;
  readonly read: (text: string) => unknown;
}

/** The names that this session has prepared, and the columns of their rows once the server has described them. */
export type PreparedStatements = Map<string, readonly ColumnReader[] | undefined>;

/**
 * Statements between two synchronisation points of the protocol. It replaces the driver's own query (`pg/lib/query.js`), which sends one
 * statement each, requests a description of every answer, and does not know transactions: after a BEGIN that fails, nothing may run.
 */
export class Exchange {
  readonly #statements: readonly Statement[];
  readonly #prepared: PreparedStatements;
  readonly #doubtful: Set<string>;
  readonly #settle: (outcome: SentOutcome) => void;
  readonly #answers: Answer[] = [];
  #columns: readonly ColumnReader[] | undefined;
  #rows: unknown[] = [];
  #error: unknown;
  #settled = false;
  /** The driver does not change a query that has a callback. */
  readonly callback = () => {};

  constructor(
    statements: readonly Statement[],
    prepared: PreparedStatements,
    doubtful: Set<string>,
    settle: (outcome: SentOutcome) => void,
  ) {
    this.#statements = statements;
    this.#prepared = prepared;
    this.#doubtful = doubtful;
    this.#settle = settle;
  }

  submit(wire: Wire): void {
    const messages = new Messages();
    for (const statement of this.#statements) this.#put(messages, statement);
    messages.sync();
    // Nothing is written to a closed stream; the driver fails all statements that wait.
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
        const column = columns[i] as ColumnReader;
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

admitToPipeline(Exchange.prototype);
