import { createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { weaknessOfEd25519 } from './ed25519-point.ts';
import type { Signatures } from './platform.ts';

/**
 * Ed25519 by Node's crypto, in the calling thread. A signature takes about ten microseconds and depends only on the text and the
 * key, so that the simulator uses it too.
 */
export const ed25519: Signatures = {
  signer(privateKey) {
    const key = privateKeyOf(privateKey);
    const publicKey = coordinateOf(createPublicKey(key));
    return { publicKey, sign: (text) => new Uint8Array(sign(null, Buffer.from(text, 'utf8'), key)) };
  },
  verifier(publicKey) {
    const key = publicKeyOf(publicKey);
    return { publicKey: coordinateOf(key), verify: (text, signature) => verify(null, Buffer.from(text, 'utf8'), key, signature) };
  },
};

const coordinateOf = (publicKey: KeyObject): string => publicKey.export({ format: 'jwk' }).x as string;

function privateKeyOf(text: string): KeyObject {
  const jwk = jwkIn(text);
  const key = readable('private', () => createPrivateKey(jwk ? { key: jwk, format: 'jwk' } : text));
  // Node uses the private half and ignores the other one: with halves of two keys, no process could verify the signatures.
  if (jwk && jwk['x'] !== coordinateOf(createPublicKey(key)))
    throw new RangeError("the parts 'd' and 'x' of the JWK do not belong together");
  return key;
}

function publicKeyOf(text: string): KeyObject {
  const jwk = jwkIn(text);
  // Node would derive the public half, and the private key would lie unnoticed where it does not belong.
  if (jwk?.['d'] !== undefined || text.includes('PRIVATE KEY')) throw new RangeError('it is a private key: configure only its public half');
  const key = readable('public', () => createPublicKey(jwk ? { key: jwk, format: 'jwk' } : text));
  const weakness = weaknessOfEd25519(Buffer.from(coordinateOf(key), 'base64url'));
  if (weakness !== undefined) throw new RangeError(`it is not a public key that can be trusted: ${weakness}`);
  return key;
}

/** Node's error about a key that it cannot read may contain a part of the key, so it is not repeated. */
function readable(half: 'private' | 'public', read: () => KeyObject): KeyObject {
  let key: KeyObject | undefined;
  try {
    key = read();
  } catch {}
  if (key?.asymmetricKeyType === 'ed25519') return key;
  const form = half === 'private' ? "'-----BEGIN PRIVATE KEY-----'" : "'-----BEGIN PUBLIC KEY-----'";
  throw new RangeError(`it is not a ${half} Ed25519 key: write PEM (${form}) or a JWK with kty OKP and crv Ed25519`);
}

function jwkIn(text: string): Record<string, unknown> | undefined {
  if (!text.trimStart().startsWith('{')) return undefined;
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return undefined;
  }
}
