const REDACTED = '[redacted]';
const CUT = '[…]';
/** Objects logged by mistake (a socket, a request) are endless graphs: whatever exceeds these limits is cut. */
const MAX_DEPTH = 6;
const MAX_NODES = 1_000;
const MAX_ENTRIES = 200;
const MAX_CAUSES = 8;
/** A stack is as long as many fields. */
const ERROR_NODES = 20;
const MAX_REMEMBERED_KEYS = 2_000;

/** Lower-case and without `-` and `_`, so that `Set-Cookie`, `access_token` and `accessToken` all match. */
const SECRET_KEYS: ReadonlySet<string> = new Set([
  'authorization',
  'proxyauthorization',
  'cookie',
  'setcookie',
  'rawheaders',
  'password',
  'secret',
  'clientsecret',
  'privatekey',
  'passphrase',
  'apikey',
  'xapikey',
  'token',
  'accesstoken',
  'refreshtoken',
  'idtoken',
  'card',
  'cardtoken',
  'cardnumber',
  'cvc',
  'cvv',
  'number',
]);

/** A run of 13 to 19 digits, or the groups that are printed on cards: 4-4-4-n and 4-6-5. Dashes elsewhere belong to ids. */
const CARD = /(?<!\d)(?:\d{13,19}|\d{4}([ -])\d{4}\1\d{4}\1\d{1,7}|\d{4}([ -])\d{6}\2\d{5})(?!\d)/g;
const MAY_HOLD_CARD = /\d{13}|\d{4}[ -]\d{4,6}[ -]\d{4}/;

/** The smallest 14-digit card number in use; smaller numbers are times in milliseconds. */
const SMALLEST_CARD = 20_000_000_000_000;

/** An error as it stands in a line of the log. */
export interface SerializedError {
  readonly type: string;
  readonly code?: string;
  readonly message: string;
  readonly stack?: string;
  readonly issues?: unknown;
  readonly cause?: unknown;
  readonly errors?: readonly unknown[];
}

/** Replaces anything that could be a card number (13 to 19 digits with a valid check digit) with `****` and its last four digits. */
export function maskCardNumbers(text: string): string {
  if (text.length < 13 || !MAY_HOLD_CARD.test(text)) return text;
  return text.replace(CARD, (run) => {
    const digits = run.replace(/[ -]/g, '');
    return digits.length >= 13 && digits.length <= 19 && passesLuhn(digits) ? `****${digits.slice(-4)}` : run;
  });
}

function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let i = 0; i < digits.length; i++) {
    let digit = digits.charCodeAt(digits.length - 1 - i) - 48;
    if (i % 2 === 1) {
      digit *= 2;
      if (digit > 9) digit -= 9;
    }
    sum += digit;
  }
  return sum % 10 === 0;
}

/**
 * Makes the function that copies fields for the log without their secrets: values under secret names are redacted, card numbers are
 * masked, and errors are written with their causes. One walk does all of it, because redaction by wildcard paths clones every object
 * once per first key (measured: 9 µs for a flat line, against well under 1 µs).
 */
export function createCleaner(): (fields: object, into: Record<string, unknown>) => void {
  const remembered = new Map<string, boolean>();

  function isSecret(key: string): boolean {
    const known = remembered.get(key);
    if (known !== undefined) return known;
    const secret = SECRET_KEYS.has(key.replace(/[-_]/g, '').toLowerCase());
    if (remembered.size < MAX_REMEMBERED_KEYS) remembered.set(key, secret);
    return secret;
  }

  function clean(value: unknown, depth: number, budget: { left: number }): unknown {
    switch (typeof value) {
      case 'string':
        return maskCardNumbers(value);
      case 'number':
        return value >= SMALLEST_CARD && Number.isSafeInteger(value) ? maskedNumber(value) : value;
      case 'bigint':
        return maskCardNumbers(String(value));
      case 'object':
        return value === null ? null : cleanObject(value, depth, budget);
      case 'boolean':
        return value;
      default:
        return undefined;
    }
  }

  function cleanObject(value: object, depth: number, budget: { left: number }): unknown {
    if (value instanceof Error) return serializeError(value, 0, budget);
    if (ArrayBuffer.isView(value)) return `[${value.byteLength} bytes]`;
    if (depth >= MAX_DEPTH) return CUT;
    if ('toJSON' in value && typeof value.toJSON === 'function') return clean(value.toJSON(), depth + 1, budget);
    if (budget.left <= 0) return CUT;
    budget.left -= 1;
    if (!Array.isArray(value)) {
      const copy: Record<string, unknown> = {};
      cleanEntries(value, copy, depth, budget);
      return copy;
    }
    const kept = value.slice(0, MAX_ENTRIES).map((item) => clean(item, depth + 1, budget) ?? null);
    return kept.length < value.length ? [...kept, CUT] : kept;
  }

  function cleanEntries(from: object, into: Record<string, unknown>, depth: number, budget: { left: number }): void {
    const keys = Object.keys(from);
    for (let i = 0; i < keys.length && i < MAX_ENTRIES; i++) {
      const key = keys[i] as string;
      const value = (from as Record<string, unknown>)[key];
      // Assigning to `__proto__` would change what the copy is instead of adding a field.
      if (value === undefined || key === '__proto__') continue;
      into[key] = isSecret(key) ? REDACTED : clean(value, depth + 1, budget);
    }
    if (keys.length > MAX_ENTRIES) into[CUT] = `${keys.length - MAX_ENTRIES} more`;
  }

  return (fields, into) => {
    const budget = { left: MAX_NODES };
    if (fields instanceof Error) into.err = serializeError(fields, 0, budget);
    else cleanEntries(fields, into, 0, budget);
  };
}

function maskedNumber(value: number): unknown {
  const text = String(value);
  // Six-digit issuer ranges begin with 2 to 6; times in microseconds begin with 1.
  return /^[2-6]/.test(text) ? (maskCardNumbers(text) === text ? value : maskCardNumbers(text)) : value;
}

function serializeError(error: Error, depth: number, budget: { left: number }): SerializedError {
  budget.left -= ERROR_NODES;
  const { code, error: declared, issues, errors } = error as Error & Partial<Record<'code' | 'error' | 'issues' | 'errors', unknown>>;
  const name = code ?? declared;
  const next = (inner: unknown): unknown => {
    if (depth >= MAX_CAUSES || budget.left <= 0) return CUT;
    return inner instanceof Error ? serializeError(inner, depth + 1, budget) : maskCardNumbers(String(inner));
  };
  return {
    type: error.name,
    ...(typeof name === 'string' || typeof name === 'number' ? { code: String(name) } : {}),
    message: maskCardNumbers(String(error.message)),
    ...(error.stack === undefined ? {} : { stack: maskCardNumbers(String(error.stack)) }),
    ...(Array.isArray(issues) && issues.length > 0
      ? { issues: issues.slice(0, 20).map((issue) => maskCardNumbers(`${issue?.path}: ${issue?.message}`)) }
      : {}),
    ...(error.cause === undefined ? {} : { cause: next(error.cause) }),
    ...(Array.isArray(errors) ? { errors: errors.slice(0, 20).map(next) } : {}),
  };
}
