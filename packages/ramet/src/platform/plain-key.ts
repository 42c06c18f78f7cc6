/** The longest idempotency key that other systems accept; a longer key ends in its hash. */
const LENGTH_MAX = 255;
const HEAD_LENGTH = 160;
/** Printable ASCII, without a blank at either end, which HTTP removes. */
const PLAIN = /^(?! )[ -~]*(?<! )$/;
/** Marks of an encoded key: a plain key that has one is encoded too, so that no two keys become the same. */
const LOOKS_ENCODED = /%[0-9A-F]{2}|~[0-9a-f]{64}$/;

/**
 * Converts a key to one that every other system accepts, in HTTP headers too: printable ASCII, at most 255 characters. A key that
 * already is like this stays unchanged. In any other key, each other character is percent-encoded as UTF-8 (half a surrogate pair as the
 * three bytes that it would be), and a key that is too long ends in a hash. The result is always the same for the same key, and differs
 * for different keys.
 */
export function plainKey(key: string, sha256: (text: string) => string): string {
  const safe = PLAIN.test(key) && !LOOKS_ENCODED.test(key);
  const encoded = safe ? key : key.replace(/[^ -~]|[%~]|^ +| +$/gu, percentEncoded);
  return encoded.length <= LENGTH_MAX ? encoded : `${encoded.slice(0, HEAD_LENGTH)}~${sha256(encoded)}`;
}

const percentEncoded = (text: string): string =>
  bytesOf(text)
    .map((byte) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`)
    .join('');

/** As UTF-8, where half a surrogate pair has bytes as well. */
function bytesOf(text: string): number[] {
  if (text.isWellFormed()) return [...new TextEncoder().encode(text)];
  const unit = text.charCodeAt(0);
  return [0xe0 | (unit >> 12), 0x80 | ((unit >> 6) & 0x3f), 0x80 | (unit & 0x3f)];
}
