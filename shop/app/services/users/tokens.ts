import { SignJWT } from 'jose';
import type { SigningKey } from './keys.ts';

/** How long an access token is good for. */
export const EXPIRES_IN_SECONDS = 3600;

/** Signs an access token for a customer (RFC 9068). */
export function accessToken({ kid, privateKey }: SigningKey, customerId: string, now: Date): Promise<string> {
  const issuedAt = Math.floor(now.getTime() / 1000);
  return new SignJWT({ scope: 'orders:read orders:write' })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid })
    .setIssuer('ramet-shop')
    .setAudience('shop')
    .setSubject(customerId)
    .setIssuedAt(issuedAt)
    .setExpirationTime(issuedAt + EXPIRES_IN_SECONDS)
    .sign(privateKey);
}
