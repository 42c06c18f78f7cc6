import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLocalJWKSet, jwtVerify } from 'jose';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type SigningKey, signingKey } from './keys.ts';
import { accessToken } from './tokens.ts';

let folder: string;
let key: SigningKey;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-tokens-'));
  key = await signingKey(join(folder, 'users.key'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test('a token is verified by the published key, and says who, for what and how long', async () => {
  const now = new Date('2026-03-01T12:00:00.000Z');
  const verified = await jwtVerify(await accessToken(key, 'usr_1', now), createLocalJWKSet({ keys: [key.publicKey] }), {
    issuer: 'ramet-shop',
    audience: 'shop',
    typ: 'at+jwt',
    currentDate: now,
  });
  expect(verified.protectedHeader).toMatchObject({ alg: 'EdDSA', kid: key.kid });
  expect(verified.payload).toMatchObject({ sub: 'usr_1', scope: 'orders:read orders:write', exp: now.getTime() / 1000 + 3600 });
});

test('a token ends after an hour', async () => {
  const token = await accessToken(key, 'usr_1', new Date('2026-03-01T12:00:00.000Z'));
  const verify = jwtVerify(token, createLocalJWKSet({ keys: [key.publicKey] }), { currentDate: new Date('2026-03-01T13:00:01.000Z') });
  await expect(verify).rejects.toMatchObject({ code: 'ERR_JWT_EXPIRED' });
});
