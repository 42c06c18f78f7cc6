import { keptParam } from '../text.ts';
import { type Encoded, encoded } from './values.ts';

/** One statement on its way to the server. */
export interface Statement {
  readonly text: string;
  /** The name under which a connection prepares it; undefined for rare statements. */
  readonly name: string | undefined;
  readonly values: readonly Encoded[];
  /** Set where its answer arrives with that of a later statement. */
  readonly late?: Late;
}

/** A statement that is sent with a later one. */
export interface Late {
  /** Whether it must change a row. */
  readonly must: boolean;
  /** The number of savepoints around it. */
  readonly depth: number;
  /** Its first row, once it has been answered. */
  row: unknown;
}

/** How many texts are prepared at most, per connection. */
const NAMED_MAX = 400;
/** How many texts are remembered that were used once: a text gets a name when it is used again. */
const SEEN_MAX = 1_000;

/** Only the adapter begins and ends transactions, and a session is shared: a setting would stay for the next transaction. */
const CONTROL =
  /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)*(?:begin|commit|end|rollback|savepoint|release|abort|start|prepare\s+transaction|reset|discard|listen|set\s+(?!local\b))\b/i;

/** Quotes of every kind and comments are skipped; any other `?` is a parameter. */
const MARK = /\be'(?:[^'\\]|\\[\s\S]|'')*'|'(?:[^']|'')*'|"(?:[^"]|"")*"|(\$\w*\$)[\s\S]*?\1|--[^\n]*|\/\*[\s\S]*?(?:\*\/|$)|(\?)/gi;

/** Rewrites the framework's `?` as PostgreSQL's `$1`, `$2` … */
export function numbered(sql: string): string {
  let n = 0;
  return sql.replace(MARK, (match, _tag, mark) => (mark === undefined ? match : `$${++n}`));
}

const LET_BE = /\s+on\s+conflict\s+do\s+nothing\s*$/i;

/** Makes a statement fail when it changes no row: an existing row is an error of the key; a missing row is a division by zero. */
const failing = (sql: string): string => {
  const text = numbered(sql);
  return LET_BE.test(text)
    ? text.replace(LET_BE, '')
    : `with changed as (${text} returning 1 as one) select 1 / count(*) as changed from changed`;
};

/** The texts of one store's statements, with names for the frequent ones. */
export class Statements {
  readonly #framework = new Map<string, { text: string; name: string | undefined }>();
  readonly #musts = new Map<string, { text: string; name: string | undefined }>();
  readonly #plain = new Map<string, { text: string; name: string | undefined }>();
  #named = 0;

  /** Makes a statement of the framework, with `?` for its parameters. */
  ours(sql: string, params: readonly unknown[]): Statement {
    return this.#of(this.#framework, sql, params.map(keptParam), params.length > 0 ? numbered : undefined);
  }

  /** Makes a statement that fails when it changes no row, so that statements after it are not executed. */
  must(sql: string, params: readonly unknown[]): Statement {
    return this.#of(this.#musts, sql, params.map(keptParam), failing);
  }

  /** Makes a statement that Kysely has compiled. */
  kysely(sql: string, params: readonly unknown[]): Statement {
    return this.#of(this.#plain, sql, params, undefined);
  }

  #of(
    known: Map<string, { text: string; name: string | undefined }>,
    sql: string,
    params: readonly unknown[],
    convert: ((sql: string) => string) | undefined,
  ): Statement {
    let found = known.get(sql);
    if (!found) {
      if (CONTROL.test(sql))
        throw new TypeError(
          `'${sql.trim()}' is reserved for the framework, which begins and ends the transaction of a handler and configures sessions`,
        );
      found = { text: convert ? convert(sql) : sql, name: undefined };
      if (known.size >= SEEN_MAX) for (const [key, { name }] of known) if (name === undefined) known.delete(key);
      known.set(sql, found);
    } else if (found.name === undefined && this.#named < NAMED_MAX) found.name = `ramet_${++this.#named}`;
    return { text: found.text, name: found.name, values: params.map(encoded) };
  }
}

/** The adapter's own statements, which alone begin and end transactions. Their texts are their names. */
export const control = (text: string): Statement => ({ text, name: text, values: [] });
export const BEGIN = control('begin');
export const COMMIT = control('commit');
export const ROLLBACK = control('rollback');
