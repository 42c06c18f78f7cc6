/** What other systems take as an idempotency key at most; a longer key ends in its hash. */
const LENGTH_MAX = 255;
const HEAD_LENGTH = 160;
/** Printable ASCII, without a blank at either end, which HTTP cuts off. */
const PLAIN = /^(?! )[ -~]*(?<! )$/;
/** What only an encoded key holds: a plain key that looks like one is encoded too, so that no two keys become one. */
const LOOKS_ENCODED = /%[0-9A-F]{2}|~[0-9a-f]{64}$/;

/**
 * A key as one that every other system can take, in HTTP headers too: printable ASCII, at most 255 characters. A key that is
 * so already stays as it is. In any other, what is not plain is percent-encoded as UTF-8 (half a surrogate pair as the three
 * bytes that it would be), and what is too long ends in a hash. The same key always becomes the same, and no two become one.
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
