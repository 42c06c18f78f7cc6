import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { plainKey } from './plain-key.ts';

const plain = (key: string) => plainKey(key, (text) => createHash('sha256').update(text).digest('hex'));

test.each(['saga_06h2t65c8xyp3byp717vy2d948:charge A1', 'req:0af3', 'take 5%', 'a~b', 'x:y:undo', '', 'x'.repeat(255)])(
  '%j stays as it is',
  (key) => expect(plain(key)).toBe(key),
);

test.each([
  ['charge 東京', 'charge %E6%9D%B1%E4%BA%AC'],
  ['Größe', 'Gr%C3%B6%C3%9Fe'],
  ['seat ☕', 'seat %E2%98%95'],
  ['two\nlines\r\n', 'two%0Alines%0D%0A'],
  ['nul\0', 'nul%00'],
  ['\ud800', '%ED%A0%80'],
  [' edges ', '%20edges%20'],
  ['5% of 東', '5%25 of %E6%9D%B1'],
  ['%E6', '%25E6'],
])('%j becomes %s', (key, expected) => expect(plain(key)).toBe(expected));

test('no two keys become the same, and each fits a header', () => {
  const unit = fc.oneof(
    fc.constantFrom(' ', '%', '~', 'E', '6', 'a', '\n', '\0', '\ud800', '\udc00', '東', 'é'),
    fc.integer({ min: 0, max: 0xffff }).map((code) => String.fromCharCode(code)),
  );
  const key = fc.oneof(
    fc.array(unit, { maxLength: 300 }).map((units) => units.join('')),
    fc.array(unit, { maxLength: 8 }).map((units) => units.join('')),
  );
  fc.assert(
    fc.property(key, key, (one, other) => {
      const encoded = plain(one);
      expect(encoded).toMatch(/^[ -~]{0,255}$/);
      expect(new Headers({ 'idempotency-key': encoded }).get('idempotency-key')).toBe(encoded);
      expect(plain(other) === encoded).toBe(one === other);
      // What an encoded key looks like is another key.
      if (encoded !== one) expect(plain(encoded)).not.toBe(encoded);
    }),
    { numRuns: 2_000 },
  );
});
