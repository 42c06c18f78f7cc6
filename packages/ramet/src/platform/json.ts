/** How deep containers may be nested: a recursive walk over a value must end. */
const DEPTH_MAX = 100;

/** A value that cannot be sent as JSON, or a received text that is not acceptable JSON. */
export class JsonError extends Error {
  /** Whether the text is not JSON at all: then the other side does not use the format. */
  readonly noJson: boolean;

  constructor(message: string, noJson = false) {
    super(message);
    this.name = 'JsonError';
    this.noJson = noJson;
  }
}

/**
 * Writes a value, or a list whose last element is the value, as JSON text. Numbers that JSON would silently change are refused: `NaN`
 * and the infinities would arrive as null. (`-0` arrives as 0, and an undefined field does not arrive.)
 * @throws JsonError
 */
export function encodeJson(value: unknown, within: unknown = value): string {
  let text: string | undefined;
  try {
    text = JSON.stringify(within);
  } catch (error) {
    throw new JsonError(
      error instanceof RangeError ? 'it is nested too deep' : `it is not JSON: ${(error as Error).message.split('\n')[0]}`,
    );
  }
  // Only a value that has become null needs a look.
  if (text?.includes('null') && hasOtherNumber(value)) throw new JsonError('it has a number that is not finite');
  return text ?? '';
}

function hasOtherNumber(value: unknown): boolean {
  if (typeof value === 'number') return !Number.isFinite(value);
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasOtherNumber);
  for (const key in value) if (hasOtherNumber((value as Record<string, unknown>)[key])) return true;
  return false;
}

/** The largest value that {@link isPlainJson} judges, as JSON: what every transport accepts, minus room for the metadata. Larger values are judged by their text. */
const LIGHT_BYTES = 4_000_000;
/** The most that one character takes as JSON: `\\u0000`. */
const CHARACTER_BYTES = 6;
const NODE_BYTES = 8;

/**
 * Decides, without writing it, whether a small value survives JSON unchanged: no undefined field, no `-0`, only finite numbers,
 * no prototypes, no cycle. False means only that the text must decide.
 */
export function isPlainJson(value: unknown): boolean {
  try {
    return roomAfter(value, LIGHT_BYTES, 0) >= 0;
  } catch {
    // A getter that throws.
    return false;
  }
}

/** Returns what is left of `room` after a value; negative when it is too large or not plain. */
function roomAfter(value: unknown, room: number, depth: number): number {
  switch (typeof value) {
    case 'string':
      return room - CHARACTER_BYTES * value.length - NODE_BYTES;
    case 'number':
      return Number.isFinite(value) && (value !== 0 || 1 / value > 0) ? room - 3 * NODE_BYTES : -1;
    case 'boolean':
      return room - NODE_BYTES;
    case 'object':
      if (value === null) return room - NODE_BYTES;
      if (depth >= DEPTH_MAX) return -1;
      return Array.isArray(value) ? roomAfterList(value, room, depth) : roomAfterFields(value, room, depth);
    default:
      return -1;
  }
}

function roomAfterList(list: readonly unknown[], room: number, depth: number): number {
  let left = room - NODE_BYTES;
  for (let i = 0; i < list.length && left >= 0; i++) left = roomAfter(list[i], left, depth + 1);
  return left;
}

function roomAfterFields(fields: object, room: number, depth: number): number {
  if (Object.getPrototypeOf(fields) !== Object.prototype) return -1;
  let left = room - NODE_BYTES;
  for (const name in fields) {
    if (name === '__proto__') return -1;
    left = roomAfter((fields as Record<string, unknown>)[name], left - CHARACTER_BYTES * name.length, depth + 1);
    if (left < 0) return left;
  }
  return left;
}

/**
 * Reads a text that another process sent.
 * @throws JsonError when it is not JSON, is nested deeper than 100, or has a key that reaches into the prototype of an object
 */
export function decodeJson(text: string): unknown {
  if (text.length > 2 * DEPTH_MAX && depthOf(text) > DEPTH_MAX) throw new JsonError(`it is nested deeper than ${DEPTH_MAX}`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new JsonError('it is not JSON', true);
  }
  // The key itself, or a key with escapes that may be it.
  if ((text.includes('__proto__') || text.includes('\\u00')) && hasReservedKey(value)) throw new JsonError("it has a key '__proto__'");
  return value;
}

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPENS: ReadonlySet<number> = new Set([0x5b, 0x7b]);
const CLOSES: ReadonlySet<number> = new Set([0x5d, 0x7d]);

function depthOf(text: string): number {
  let depth = 0;
  let most = 0;
  for (let at = 0; at < text.length; at++) {
    const unit = text.charCodeAt(at);
    if (unit === QUOTE) at = endOfString(text, at);
    else if (OPENS.has(unit)) most = Math.max(most, ++depth);
    else if (CLOSES.has(unit)) depth--;
  }
  return most;
}

/** Finds the end of the string that begins at `from`. */
function endOfString(text: string, from: number): number {
  let at = from;
  for (;;) {
    at = text.indexOf('"', at + 1);
    if (at < 0) return text.length;
    let escapes = 0;
    while (text.charCodeAt(at - 1 - escapes) === BACKSLASH) escapes++;
    if (escapes % 2 === 0) return at;
  }
}

function hasReservedKey(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false;
  if (Array.isArray(value)) return value.some(hasReservedKey);
  return Object.keys(value).some((key) => key === '__proto__' || hasReservedKey((value as Record<string, unknown>)[key]));
}
