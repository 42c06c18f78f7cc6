import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { signingKey } from './keys.ts';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-keys-'));
});
afterEach(() => rmSync(folder, { recursive: true, force: true }));

test('the key is made at its first use, readable by its owner only', async () => {
  const file = join(folder, 'deeper', 'users.key');
  const key = await signingKey(file);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ kty: 'OKP', crv: 'Ed25519', x: key.publicKey.x });
  if (process.platform !== 'win32') expect(statSync(file).mode & 0o777).toBe(0o600);
});

test('what is published says nothing of the private half', async () => {
  const { publicKey, kid } = await signingKey(join(folder, 'users.key'));
  expect(Object.keys(publicKey).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x']);
  expect(publicKey.kid).toBe(kid);
});

test('the same file gives the same key, also to another process', async () => {
  const file = join(folder, 'users.key');
  const first = await signingKey(file);
  const copy = join(folder, 'copy.key');
  writeFileSync(copy, readFileSync(file));
  expect((await signingKey(copy)).kid).toBe(first.kid);
});

test('two who make the key at once sign with the same one, and leave no draft behind', async () => {
  // Two spellings of one path, so that the second is not answered from memory.
  const [a, b] = await Promise.all([signingKey(join(folder, 'users.key')), signingKey(`${folder}/./users.key`)]);
  expect(a.kid).toBe(b.kid);
  expect(readdirSync(folder)).toEqual(['users.key']);
});

test('a key that cannot be loaded is tried again at the next login', async () => {
  const file = join(folder, 'users.key');
  writeFileSync(file, 'not a key');
  chmodSync(file, 0o600);
  await expect(signingKey(file)).rejects.toThrow();
  rmSync(file);
  expect((await signingKey(file)).kid).toMatch(/./);
});
