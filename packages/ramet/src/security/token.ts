import { RametError } from '../errors/index.ts';
import { type Claims, readClaims } from './claims.ts';
import type { KnownKeys } from './key-ring.ts';

/** The maximum size. The token of a user has at most 8 kB, which become 16 as claims and 22 as base64url in the worst case. */
export const TOKEN_MAX = 24 * 1024;
const SIGNATURE_LENGTH = 86;
const PART = /^[A-Za-z0-9_-]+$/;

/** Reads a token strictly: three canonical parts, a known header, a valid signature. @throws RametError Unauthenticated */
export function openToken(token: string, known: KnownKeys): { claims: Claims; process: string } {
  const parts = typeof token === 'string' && token.length <= TOKEN_MAX ? token.split('.', 4) : [];
  const [header, payload, signature] = parts;
  if (parts.length !== 3 || header === undefined || payload === undefined || signature === undefined)
    throw unauthenticated('it is malformed');
  const key = known.get(header);
  if (!key) throw unauthenticated(`it is not signed by EdDSA with the key of a process that this one knows${keyIdIn(header)}`);
  const signatureBytes = signature.length === SIGNATURE_LENGTH ? canonical(signature) : undefined;
  const payloadBytes = canonical(payload);
  if (!signatureBytes || !payloadBytes) throw unauthenticated('it is malformed');
  if (!key.verifier.verify(`${header}.${payload}`, signatureBytes)) throw unauthenticated('its signature does not fit');
  const claims = readClaims(payloadBytes.toString('utf8'));
  if (!claims) throw unauthenticated('it lacks a claim');
  return { claims, process: key.process };
}

/** Decodes canonical base64url. The decoder of Node skips characters that it does not understand. */
function canonical(part: string): Buffer | undefined {
  if (!PART.test(part)) return undefined;
  const bytes = Buffer.from(part, 'base64url');
  return bytes.toString('base64url') === part ? bytes : undefined;
}

/** Reads the key id of a header for a message, so that an operator finds the process whose key is missing. Nothing depends on it. */
function keyIdIn(header: string): string {
  const id =
    header.length <= 512 ? /"kid":"([A-Za-z0-9._-]{1,128})"/.exec(Buffer.from(header, 'base64url').toString('latin1'))?.[1] : undefined;
  return id === undefined ? '' : ` (key ${id})`;
}

/** Makes the error of a token that is not valid. */
export const unauthenticated = (why: string): RametError =>
  new RametError('Unauthenticated', `The identity of the caller is not valid: ${why}`);
