import type { Issue } from '../../errors/index.ts';
import { inexactness } from './exact-number.ts';

/** The limits of a JSON body. */
export interface JsonLimits {
  /** How deeply arrays and objects may be nested. */
  readonly maxDepth: number;
  readonly maxKeysPerObject: number;
  /** The number of all values, including arrays and objects. */
  readonly maxNodes: number;
  /** The characters of one string or key, where an escape counts as the character that it means. */
  readonly maxStringLength: number;
}

const LIMITS: JsonLimits = { maxDepth: 64, maxKeysPerObject: 10_000, maxNodes: 100_000, maxStringLength: 256 * 1024 };

/** A parsed body, or why it was refused. */
export type JsonBody =
  | { readonly ok: true; readonly value: unknown }
  | { readonly ok: false; readonly detail: string; readonly issues: readonly Issue[] };

/**
 * Parses a JSON body of an untrusted client. A scanner without recursion reads it first: V8 parses a million nested arrays, and the
 * validator would then overflow the stack. Besides bad syntax it refuses what two readers could take differently or what poisons
 * later code: duplicate keys, `__proto__` and `prototype` (and with it `constructor.prototype`), NUL and lone surrogates (which
 * PostgreSQL cannot store), and numbers that would arrive changed ({@link inexactness}). The grammar is RFC 8259, the restrictions
 * are those of I-JSON (RFC 7493).
 * @param text the whole body, decoded from UTF-8
 * @returns the value, or where and why it was refused; a fault of content, not of syntax, has an issue with its path
 */
export function parseJsonBody(text: string, limits: Partial<JsonLimits> = {}): JsonBody {
  const scan: Scan = { text, limits: { ...LIMITS, ...limits }, at: 0, depth: 0, nodes: 0, frames: [], escaped: false, fault: undefined };
  if (scanText(scan)) return { ok: true, value: JSON.parse(text) };
  const { at, message, path } = scan.fault ?? { at: 0, message: 'not JSON', path: undefined };
  return { ok: false, detail: `${place(text, at)}: ${message}`, issues: path === undefined ? [] : [{ path, message }] };
}

/** Parses a JSON body of bytes, which must be UTF-8, as {@link parseJsonBody} does. */
export function parseJsonBytes(bytes: Uint8Array): JsonBody {
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return { ok: false, detail: 'The body is not UTF-8', issues: [] };
  }
  return parseJsonBody(text);
}

/**
 * Whether a name reaches into the prototype of the object that it is set on. `constructor` alone does not: it needs
 * `prototype` below it.
 */
export function isReservedKey(key: string): boolean {
  return key === '__proto__' || key === 'prototype';
}

interface JsonFault {
  readonly at: number;
  readonly message: string;
  readonly path: string | undefined;
}

interface Scan {
  readonly text: string;
  readonly limits: JsonLimits;
  at: number;
  depth: number;
  nodes: number;
  /** One frame for each depth, made when it is first reached and reused by every container at that depth. */
  readonly frames: Frame[];
  /** Whether the last string held a backslash. */
  escaped: boolean;
  fault: JsonFault | undefined;
}

interface Frame {
  isObject: boolean;
  index: number;
  key: string;
  /** The keys so far. Once there are more than a few they are in `seen` too. */
  readonly keys: string[];
  seen: Set<string> | undefined;
}

/** Up to this number, comparing with each key is faster than hashing. */
const FEW_KEYS = 8;
/** Numbers without an exponent that are not longer than this always arrive as written: their value need not be checked. */
const ALWAYS_EXACT_LENGTH = 15;

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const BRACE = 0x7b;
const BRACE_END = 0x7d;
const BRACKET = 0x5b;
const BRACKET_END = 0x5d;

type Step = false | 'open' | 'whole';

/** The loop alternates: it begins a value, and when the value is whole it reads what follows. `open` means that a value comes next. */
function scanText(scan: Scan): boolean {
  if (!scan.text.isWellFormed()) return fault(scan, scan.text.search(/\p{Surrogate}/u), 'half of a surrogate pair is not a character', '');
  for (;;) {
    const begun = beginValue(scan);
    if (begun === false) return false;
    if (begun === 'open') continue;
    const next = afterValue(scan);
    if (next !== 'open') return next === 'whole';
  }
}

function beginValue(scan: Scan): Step {
  const code = skipSpace(scan);
  scan.nodes += 1;
  if (scan.nodes > scan.limits.maxNodes) return fault(scan, scan.at, `more than ${scan.limits.maxNodes} values`, pathOf(scan));
  if (code === BRACE || code === BRACKET) return beginContainer(scan, code === BRACE);
  if (code === QUOTE) return scanString(scan) && 'whole';
  if (code === MINUS || isDigit(code)) return scanNumber(scan) && 'whole';
  for (const word of ['true', 'false', 'null']) {
    if (scan.text.startsWith(word, scan.at)) {
      scan.at += word.length;
      return 'whole';
    }
  }
  return fault(scan, scan.at, Number.isNaN(code) ? 'the text ends where a value is expected' : 'a value is expected here');
}

function beginContainer(scan: Scan, isObject: boolean): Step {
  if (scan.depth >= scan.limits.maxDepth) return fault(scan, scan.at, `nested deeper than ${scan.limits.maxDepth}`, pathOf(scan));
  scan.at += 1;
  scan.depth += 1;
  let frame = scan.frames[scan.depth - 1];
  if (frame === undefined) {
    frame = { isObject, index: 0, key: '', keys: [], seen: undefined };
    scan.frames.push(frame);
  } else {
    frame.isObject = isObject;
    frame.index = 0;
    frame.keys.length = 0;
    frame.seen = undefined;
  }
  if (skipSpace(scan) === (isObject ? BRACE_END : BRACKET_END)) {
    scan.at += 1;
    scan.depth -= 1;
    return 'whole';
  }
  return (!isObject || scanKey(scan, frame)) && 'open';
}

/** Closes all containers that end here, up to the next comma or the end of the text. */
function afterValue(scan: Scan): Step {
  while (scan.depth > 0) {
    const frame = scan.frames[scan.depth - 1] as Frame;
    const code = skipSpace(scan);
    scan.at += 1;
    if (code === COMMA) {
      frame.index += 1;
      if (!frame.isObject) return 'open';
      skipSpace(scan);
      return scanKey(scan, frame) && 'open';
    }
    if (code !== (frame.isObject ? BRACE_END : BRACKET_END)) {
      const closing = frame.isObject ? '}' : ']';
      return fault(
        scan,
        scan.at - 1,
        Number.isNaN(code) ? `the text ends before its \`${closing}\`` : `a comma or \`${closing}\` is expected here`,
      );
    }
    scan.depth -= 1;
  }
  return Number.isNaN(skipSpace(scan)) ? 'whole' : fault(scan, scan.at, 'there is text after the value');
}

function scanKey(scan: Scan, frame: Frame): boolean {
  const start = scan.at;
  if (scan.text.charCodeAt(start) !== QUOTE) return fault(scan, start, 'a key in double quotes is expected here');
  frame.key = '';
  if (!scanString(scan)) return false;
  // Keys are compared decoded, so that an escape cannot hide a second `role` or a `__proto__`.
  const key = scan.escaped ? (JSON.parse(scan.text.slice(start, scan.at)) as string) : scan.text.slice(start + 1, scan.at - 1);
  frame.key = key;
  if (isReservedKey(key)) return fault(scan, start, 'this key is reserved', pathOf(scan));
  if (!isNewKey(frame, key)) return fault(scan, start, 'this key occurs twice', pathOf(scan));
  if (frame.index >= scan.limits.maxKeysPerObject) {
    return fault(scan, start, `more than ${scan.limits.maxKeysPerObject} keys in one object`, pathOf(scan, scan.depth - 1));
  }
  if (skipSpace(scan) !== COLON) return fault(scan, scan.at, 'a colon is expected here');
  scan.at += 1;
  return true;
}

function isNewKey(frame: Frame, key: string): boolean {
  if (frame.seen !== undefined) {
    const before = frame.seen.size;
    return frame.seen.add(key).size > before;
  }
  if (frame.keys.includes(key)) return false;
  frame.keys.push(key);
  if (frame.keys.length > FEW_KEYS) frame.seen = new Set(frame.keys);
  return true;
}

/** Scans from the opening quote to behind the closing one. */
function scanString(scan: Scan): boolean {
  const { text } = scan;
  const start = scan.at + 1;
  let at = start;
  let saved = 0;
  for (;;) {
    const code = text.charCodeAt(at);
    if (code === QUOTE) break;
    if (code === BACKSLASH) {
      const length = escapeLength(scan, at);
      if (length === 0) return false;
      saved += length === 12 ? 10 : length - 1;
      at += length;
    } else if (code >= 0x20) {
      at += 1;
    } else {
      return fault(scan, at, at >= text.length ? 'the text ends inside a string' : 'a control character must be written as an escape');
    }
  }
  if (at - start - saved > scan.limits.maxStringLength) {
    return fault(scan, start - 1, `longer than ${scan.limits.maxStringLength} characters`, pathOf(scan));
  }
  scan.escaped = saved > 0;
  scan.at = at + 1;
  return true;
}

/** Measures the escape at `at`: 2 characters, 6, or 12 for a surrogate pair; 0 when it was refused. */
function escapeLength(scan: Scan, at: number): 0 | 2 | 6 | 12 {
  const { text } = scan;
  const letter = text.charAt(at + 1);
  if (letter !== 'u') {
    if (letter !== '' && '"\\/bfnrt'.includes(letter)) return 2;
    fault(scan, at, 'there is no such escape');
    return 0;
  }
  const unit = hexAt(text, at + 2);
  if (unit === -1) fault(scan, at, 'four hexadecimal digits are expected here');
  else if (unit === 0) fault(scan, at, 'NUL cannot be stored', pathOf(scan));
  else if (unit < 0xd800 || unit > 0xdfff) return 6;
  else {
    const low = text.startsWith('\\u', at + 6) ? hexAt(text, at + 8) : -1;
    if (unit < 0xdc00 && low >= 0xdc00 && low <= 0xdfff) return 12;
    fault(scan, at, 'half of a surrogate pair is not a character', pathOf(scan));
  }
  return 0;
}

function hexAt(text: string, at: number): number {
  const digits = text.slice(at, at + 4);
  return /^[0-9A-Fa-f]{4}$/.test(digits) ? Number.parseInt(digits, 16) : -1;
}

function scanNumber(scan: Scan): boolean {
  const { text } = scan;
  const start = scan.at;
  let at = text.charCodeAt(start) === MINUS ? start + 1 : start;
  const whole = skipDigits(text, at);
  if (whole === at) return fault(scan, at, 'a digit is expected here');
  if (whole > at + 1 && text.charCodeAt(at) === ZERO) return fault(scan, at, 'a number must not begin with a needless zero');
  at = whole;
  if (text.charCodeAt(at) === DOT) {
    const fraction = skipDigits(text, at + 1);
    if (fraction === at + 1) return fault(scan, fraction, 'a digit is expected here');
    at = fraction;
  }
  let hasExponent = false;
  if ((text.charCodeAt(at) | 0x20) === 0x65) {
    hasExponent = true;
    const sign = text.charCodeAt(at + 1);
    const from = sign === MINUS || sign === 0x2b ? at + 2 : at + 1;
    at = skipDigits(text, from);
    if (at === from) return fault(scan, at, 'a digit is expected here');
  }
  scan.at = at;
  if (!hasExponent && at - start <= ALWAYS_EXACT_LENGTH) return true;
  const problem = inexactness(text.slice(start, at));
  return problem === undefined || fault(scan, start, problem, pathOf(scan));
}

function skipDigits(text: string, from: number): number {
  let at = from;
  while (isDigit(text.charCodeAt(at))) at += 1;
  return at;
}

function isDigit(code: number): boolean {
  return code >= ZERO && code <= 0x39;
}

/** Skips blanks. @returns the next character, NaN at the end of the text */
function skipSpace(scan: Scan): number {
  for (;;) {
    const code = scan.text.charCodeAt(scan.at);
    if (code !== 0x20 && code !== 0x0a && code !== 0x0d && code !== 0x09) return code;
    scan.at += 1;
  }
}

function fault(scan: Scan, at: number, message: string, path?: string): false {
  scan.fault = { at, message, path };
  return false;
}

function pathOf(scan: Scan, depth = scan.depth): string {
  return scan.frames
    .slice(0, depth)
    .map((frame) => (frame.isObject ? frame.key : frame.index))
    .join('.');
}

/** Describes a position: lines as editors count them, columns in UTF-16 units from 1. */
function place(text: string, at: number): string {
  const before = text.slice(0, at);
  const line = before.split('\n').length;
  return `line ${line}, column ${at - before.lastIndexOf('\n')}`;
}
