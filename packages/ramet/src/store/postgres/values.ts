import { noColumnTakes } from '../values.ts';

/** What goes to the server: text, bytes, or nothing. The server makes of it what the column is. */
export type Encoded = string | Buffer | null;

/**
 * A parameter as the server is given it: the same values as on SQLite, and the same refused.
 * @throws TypeError for what no column holds on every engine
 */
export function encoded(value: unknown): Encoded {
  if (typeof value === 'string') return value;
  // Minus nought becomes '0'.
  if (typeof value === 'number' || typeof value === 'bigint') return value.toString();
  if (value === null || value === undefined) return null;
  // Good for a boolean, a number and text alike.
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
/** What counts and sums of whole numbers are made of; a fraction is a number as everywhere in JavaScript. */
const numeric = (text: string): number => (WHOLE.test(text) ? whole(text) : Number(text));
const bytes = (text: string): Uint8Array => new Uint8Array(Buffer.from(text.slice(2), 'hex'));
const same = (text: string): string => text;

/** The types of the server, by their numbers in `pg_type`, that are not read as the text they come as. */
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

/** How a column of this type is read. */
export const reader = (type: number): ((text: string) => unknown) => READ.get(type) ?? same;
