import type { Platform } from '../platform/index.ts';

/** The two halves of an Ed25519 key, as PEM. */
export interface IdentityKeyPair {
  /** PKCS #8: a secret of one process. */
  readonly privateKey: string;
  /** SubjectPublicKeyInfo: known to all processes. */
  readonly publicKey: string;
}

/** The bytes that precede the 32 bytes of an Ed25519 key in DER (RFC 8410). */
const PKCS8_PREFIX = '302e020100300506032b657004220420';
const SPKI_PREFIX = '302a300506032b6570032100';

/**
 * Makes a new key for the identity of a process, as `openssl genpkey -algorithm ed25519` does. It serves production and development,
 * where a launcher makes a key for each process at every start.
 */
export function generateIdentityKey(platform: Pick<Platform, 'random' | 'signatures'>): IdentityKeyPair {
  const privateKey = pem('PRIVATE KEY', PKCS8_PREFIX, platform.random.bytes(32));
  const { publicKey } = platform.signatures.signer(privateKey);
  return { privateKey, publicKey: pem('PUBLIC KEY', SPKI_PREFIX, Buffer.from(publicKey, 'base64url')) };
}

function pem(label: string, prefix: string, key: Uint8Array): string {
  const der = Buffer.concat([Buffer.from(prefix, 'hex'), key]);
  return `-----BEGIN ${label}-----\n${der.toString('base64')}\n-----END ${label}-----\n`;
}

/**
 * Computes the id of a key: its thumbprint (RFC 7638, RFC 8037), so that keys need no names.
 * @param publicKey the `x` of its JWK
 */
export function keyIdOf({ crypto }: Pick<Platform, 'crypto'>, publicKey: string): string {
  return Buffer.from(crypto.sha256(`{"crv":"Ed25519","kty":"OKP","x":"${publicKey}"}`), 'hex').toString('base64url');
}
