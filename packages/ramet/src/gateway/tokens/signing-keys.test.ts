import { generateKeyPairSync } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { type Algorithm, readTokenKeys } from './signing-keys.ts';

type Jwk = Record<string, unknown>;
const rsa = (modulusLength: number, publicExponent = 65_537): Jwk =>
  ({ ...generateKeyPairSync('rsa', { modulusLength, publicExponent }).publicKey.export({ format: 'jwk' }), kid: 'k' }) as Jwk;
const ec = (namedCurve: string): Jwk => ({ ...generateKeyPairSync('ec', { namedCurve }).publicKey.export({ format: 'jwk' }), kid: 'k' });
const okp: Jwk = { ...generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' }), kid: 'k' };
const p256 = ec('P-256');
const strong = rsa(2_048);
const base64url = (value: bigint) => {
  const hex = value.toString(16);
  return Buffer.from(hex.padStart(hex.length + (hex.length % 2), '0'), 'hex').toString('base64url');
};
const number = (text: unknown) => BigInt(`0x${Buffer.from(text as string, 'base64url').toString('hex')}`);

async function judged(jwk: unknown, algorithm: Algorithm): Promise<string> {
  const { keys, ignored } = await readTokenKeys({ keys: [jwk] }, algorithm);
  expect(keys.size + ignored.length).toBe(1);
  return ignored[0] ?? 'used';
}

test('a good key of each algorithm is used, whatever other keys are in the set', async () => {
  const beside = { use: 'sig', key_ops: ['verify'], x5c: ['no certificate'], ext: 'odd', extra: { deep: [1] } };
  expect(await judged({ ...okp, ...beside, alg: 'EdDSA' }, 'EdDSA')).toBe('used');
  expect(await judged({ ...p256, ...beside, alg: 'ES256' }, 'ES256')).toBe('used');
  expect(await judged({ ...strong, ...beside, alg: 'RS256' }, 'RS256')).toBe('used');
  expect(await judged({ ...strong, ...beside }, 'PS256')).toBe('used');
});

describe('a weak key is ignored', () => {
  test('an RSA key that is short, or padded to look long', async () => {
    expect(await judged(rsa(1_024), 'RS256')).toContain('1024 bits');
    const padded = Buffer.concat([Buffer.alloc(200), Buffer.from(rsa(1_024)['n'] as string, 'base64url')]).toString('base64url');
    expect(await judged({ ...strong, n: padded }, 'PS256')).toContain('1024 bits');
    expect(await judged({ ...strong, n: base64url(2n ** 20_000n + 1n) }, 'RS256')).toContain('20001 bits');
  });

  test.each([0n, 1n, 2n, 3n, 17n, 65_535n, 65_536n, 65_538n, 2n ** 64n, 2n ** 70n + 1n])('an RSA key with the exponent %s', async (e) => {
    expect(await judged({ ...strong, e: base64url(e) }, 'RS256')).toContain('exponent');
  });

  test('an RSA key whose modulus has a small factor', async () => {
    const n = number(strong['n']);
    expect(await judged({ ...strong, n: base64url(n - 1n) }, 'RS256')).toContain('small factor');
    expect(await judged({ ...strong, n: base64url(n - (n % 743n) + (n % 2n === (n - (n % 743n)) % 2n ? 0n : 743n)) }, 'RS256')).toContain(
      'small factor',
    );
  });

  test('a point that is not on its curve, or is not a key', async () => {
    const y = Buffer.from(p256['y'] as string, 'base64url');
    y[31] = (y[31] as number) ^ 1;
    expect(await judged({ ...p256, y: y.toString('base64url') }, 'ES256')).toContain('do not make a key');
    const zero = Buffer.alloc(32).toString('base64url');
    expect(await judged({ ...p256, x: zero, y: zero }, 'ES256')).toContain('do not make a key');
    expect(await judged({ ...okp, x: zero }, 'EdDSA')).toContain('small order');
    expect(await judged({ ...okp, x: Buffer.alloc(32, 0xff).toString('base64url') }, 'EdDSA')).toContain('not a point');
  });
});

test('keys of another kind are ignored: symmetric, private, for encryption, of another curve or algorithm, or nameless', async () => {
  const secret = { kty: 'oct', k: 'c2VjcmV0', kid: 'k' };
  for (const algorithm of ['EdDSA', 'ES256', 'PS256', 'RS256'] as const) expect(await judged(secret, algorithm)).not.toBe('used');
  expect(await judged({ ...okp, d: okp['x'] }, 'EdDSA')).toContain('private');
  expect(await judged({ ...strong, use: 'enc' }, 'RS256')).toContain('not for signatures');
  expect(await judged({ ...strong, key_ops: ['encrypt'] }, 'RS256')).toContain('not for verifying');
  expect(await judged({ ...strong, key_ops: 'verify' }, 'RS256')).toContain('not for verifying');
  expect(await judged({ ...strong, alg: 'PS256' }, 'RS256')).toContain('another algorithm');
  expect(await judged(ec('P-384'), 'ES256')).toContain('P-256');
  expect(await judged(ec('secp256k1'), 'ES256')).toContain('P-256');
  expect(await judged(okp, 'ES256')).toContain('P-256');
  expect(await judged(p256, 'RS256')).toContain('not an RSA key');
  for (const kid of [undefined, '', 5, 'a b', 'x'.repeat(129), '../k']) expect(await judged({ ...okp, kid }, 'EdDSA')).toContain("'kid'");
});

test('one odd entry, whatever it is, leaves the keys beside it usable (RFC 7517, section 5)', async () => {
  const odd = fc.oneof(
    fc.jsonValue(),
    fc.record({ kid: fc.constantFrom('k', 'o', 1), kty: fc.jsonValue(), n: fc.jsonValue(), e: fc.jsonValue() }),
  );
  await fc.assert(
    fc.asyncProperty(odd, odd, async (before, after) => {
      const { keys } = await readTokenKeys({ keys: [before, { ...p256, kid: 'good' }, after] }, 'ES256');
      expect([...keys.keys()]).toContain('good');
    }),
    { numRuns: 200 },
  );
});

test('of two keys with one id the first counts, and a key that stayed the same is the same object', async () => {
  const first = await readTokenKeys({ keys: [okp, { ...p256, kid: 'p' }] }, 'EdDSA');
  const other = generateKeyPairSync('ed25519').publicKey.export({ format: 'jwk' });
  const second = await readTokenKeys(
    {
      keys: [
        { ...okp, use: 'sig' },
        { ...other, kid: 'k' },
      ],
    },
    'EdDSA',
    first.keys,
  );
  expect(second.keys.get('k')).toBe(first.keys.get('k'));
  expect(second.ignored).toEqual([expect.stringContaining('same id')]);
  const third = await readTokenKeys({ keys: [{ ...other, kid: 'k' }] }, 'EdDSA', first.keys);
  expect(third.keys.get('k')).not.toBe(first.keys.get('k'));
});

test('a value that is not a key set, or a set of more than 100 keys, is refused as a whole', async () => {
  for (const set of [undefined, null, 1, 'keys', [], {}, { keys: {} }, { keys: 'k' }])
    await expect(readTokenKeys(set, 'EdDSA')).rejects.toThrow("no list 'keys'");
  const keys = Array.from({ length: 101 }, (_, i) => ({ ...okp, kid: `k${i}` }));
  await expect(readTokenKeys({ keys }, 'EdDSA')).rejects.toThrow('101 keys');
  expect((await readTokenKeys({ keys: keys.slice(1) }, 'EdDSA')).keys.size).toBe(100);
});
