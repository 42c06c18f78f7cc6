import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ed25519 } from './ed25519.ts';
import { weaknessOfEd25519 } from './ed25519-point.ts';

const P = 2n ** 255n - 19n;
const encode = (y: bigint, odd = false) => Buffer.from((y + (odd ? 2n ** 255n : 0n)).toString(16).padStart(64, '0'), 'hex').reverse();
const ORDER_EIGHT = [
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
].flatMap((hex) => [hex, hex.slice(0, 62) + (Number.parseInt(hex.slice(62), 16) | 0x80).toString(16)]);

test('keys that were generated are points of the curve, and not of small order', () => {
  for (let i = 0; i < 50; i++) {
    const x = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }).x as string;
    expect(weaknessOfEd25519(Buffer.from(x, 'base64url'))).toBeUndefined();
  }
});

test('the eight points of small order are refused: any sender can sign for them', () => {
  const small = [encode(1n), encode(P - 1n), encode(0n), encode(0n, true), ...ORDER_EIGHT.map((hex) => Buffer.from(hex, 'hex'))];
  for (const point of small) {
    expect([point.toString('hex'), weaknessOfEd25519(point)]).toEqual([point.toString('hex'), expect.stringContaining('small order')]);
    expect(() => ed25519.verifier(JSON.stringify({ kty: 'OKP', crv: 'Ed25519', x: point.toString('base64url') }))).toThrow(/small order/);
  }
});

test('a coordinate that is too large, or a sign of zero, writes a point in a second way', () => {
  for (const bytes of [encode(P), encode(P + 1n), encode(2n ** 255n - 1n, true), encode(1n, true)])
    expect(weaknessOfEd25519(bytes)).toContain('not a point');
});

test('about half of all numbers are not points, and each is judged without an error', () => {
  let points = 0;
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (bytes) => {
      if (weaknessOfEd25519(bytes) === undefined) points++;
    }),
    { numRuns: 200 },
  );
  expect(points).toBeGreaterThan(40);
  expect(points).toBeLessThan(160);
  expect(weaknessOfEd25519(new Uint8Array(31))).toContain('31 bytes');
});
