import { noColumnTakes } from '../values.ts';

/** A parameter for the server: text, bytes or null. The server converts it to the type of the column. */
export type Encoded = string | Buffer | null;

/**
 * Encodes a parameter for the server: it accepts and refuses the same values as on SQLite.
 * @throws TypeError for what no column holds on every engine
 */
export function encoded(value: unknown): Encoded {
  if (typeof value === 'string') return value;
  // Minus zero becomes '0'.
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  if (value === null || value === undefined) return null;
  // Valid for a boolean, a number and a text.
  if (typeof value === 'boolean') return value ? '1' : '0';
  if (value instanceof Uint8Array) return Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  throw noColumnTakes(value);
}

function whole(text: string): number {
  const value = Number(text);
  if (Number.isSafeInteger(value)) return value;
  throw new RangeError(`the whole number ${text} is beyond 2^53 - 1 and would be rounded: read it by cast(… as text)`);
}

const WHOLE = /^-?\d+$/;
/** Reads counts and sums of whole numbers; a fraction becomes a JavaScript number. */
const numeric = (text: string): number => (WHOLE.test(text) ? whole(text) : Number(text));
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), 'hex'));
const same = (text: string): string => text;

/** The types of the server, by their numbers in `pg_type`, that are not read as text. */
const READ = new Map<number, (text: string) => unknown>([
  // A boolean is 1 or 0, as on SQLite: what a handler reads does not depend on where it runs.
  [16, (text) => (text === 't' ? 1 : 0)],
  [17, bytes],
  [20, whole],
  [21, Number],
  [23, Number],
  [26, Number],
  [700, Number],
  [701, Number],
  [1700, numeric],
]);

/** Returns the function that reads a column of this type. */
export const reader = (type: number): ((text: string) => unknown) => READ.get(type) ?? same;
