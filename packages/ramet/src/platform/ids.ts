import type { Platform } from './platform.ts';

const BASE32 = '0123456789abcdefghjkmnpqrstvwxyz';

/**
 * Makes an id. Ids sort by the time at which they were made: a prefix and a UUIDv7 (RFC 9562) in Crockford's base 32, as `ord_06f2…`.
 * @param prefix two to eight lower-case letters that name the kind of thing
 */
export function newId(platform: Platform, prefix: string): string {
  return `${prefix}_${base32(uuidv7(platform))}`;
}

/** Makes the 16 bytes of a UUID version 7: 48 bits of wall time in milliseconds, the rest unpredictable. */
export function uuidv7(platform: Platform): Uint8Array {
  const bytes = platform.random.bytes(16);
  let ms = platform.clock.wallNow();
  for (let i = 5; i >= 0; i--) {
    bytes[i] = ms % 256;
    ms = Math.floor(ms / 256);
  }
  bytes[6] = ((bytes[6] as number) & 0x0f) | 0x70;
  bytes[8] = ((bytes[8] as number) & 0x3f) | 0x80;
  return bytes;
}

function base32(bytes: Uint8Array): string {
  let text = '';
  let buffer = 0;
  let bits = 0;
  for (const byte of bytes) {
    buffer = (buffer << 8) | byte;
    bits += 8;
    while (bits >= 5) {
      bits -= 5;
      text += BASE32[(buffer >>> bits) & 31];
    }
    buffer &= (1 << bits) - 1;
  }
  return bits > 0 ? text + BASE32[(buffer << (5 - bits)) & 31] : text;
}

/** Computes a stable, well-mixed 32-bit hash of a text (FNV-1a with a final mix). It selects partitions and lanes. */
export function hash32(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  hash ^= hash >>> 16;
  hash = Math.imul(hash, 0x85ebca6b);
  hash ^= hash >>> 13;
  return hash >>> 0;
}
