import { randomBytes } from 'node:crypto';
import { link, mkdir, open, readFile, unlink } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, importJWK, type JWK } from 'jose';

const ALGORITHM = 'EdDSA';

/** What access tokens are signed with. */
export interface SigningKey {
  readonly kid: string;
  readonly privateKey: CryptoKey;
  /** What anybody may know of it. */
  readonly publicKey: { kty: 'OKP'; crv: 'Ed25519'; x: string; kid: string; alg: 'EdDSA'; use: 'sig' };
}

const loaded = new Map<string, Promise<SigningKey>>();

/** Where the key lies: beside the stores, so that a restart keeps everybody logged in. */
export const keyFile = (): string => join(process.env.DATA_DIR || '.data', 'users.key');

/** The key in `file`, made at its first use. */
export function signingKey(file: string = keyFile()): Promise<SigningKey> {
  const known = loaded.get(file);
  if (known) return known;
  const key = load(file);
  loaded.set(file, key);
  // A disk that was full must not leave a service that never signs again.
  key.catch(() => loaded.delete(file));
  return key;
}

async function load(file: string): Promise<SigningKey> {
  const jwk = (await read(file)) ?? (await create(file));
  const { kty, crv, x } = jwk;
  if (kty !== 'OKP' || crv !== 'Ed25519' || x === undefined || jwk.d === undefined)
    throw new Error(`'${file}' holds no Ed25519 signing key`);
  const kid = await calculateJwkThumbprint(jwk);
  const privateKey = (await importJWK(jwk, ALGORITHM)) as CryptoKey;
  return { kid, privateKey, publicKey: { kty: 'OKP', crv: 'Ed25519', x, kid, alg: ALGORITHM, use: 'sig' } };
}

async function read(file: string): Promise<JWK | undefined> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as JWK;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}

/**
 * Writes a new key for its owner only. It gets its name when it is whole and on disk, by a link, which unlike a rename fails
 * when another process was faster: of two that start at once both sign with the key of the first.
 */
async function create(file: string): Promise<JWK> {
  const { privateKey } = await generateKeyPair(ALGORITHM, { crv: 'Ed25519', extractable: true });
  const jwk = await exportJWK(privateKey);
  await mkdir(dirname(file), { recursive: true });
  const draft = `${file}.${randomBytes(6).toString('hex')}`;
  try {
    const handle = await open(draft, 'wx', 0o600);
    try {
      await handle.writeFile(`${JSON.stringify(jwk)}\n`);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await link(draft, file);
    return jwk;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    return JSON.parse(await readFile(file, 'utf8')) as JWK;
  } finally {
    await unlink(draft).catch(() => {});
  }
}
