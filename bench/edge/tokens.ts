import { exportJWK, exportSPKI, generateKeyPair, type JWK, SignJWT } from 'jose';

export const ISSUER = 'bench';
export const AUDIENCE = 'orders';
const CUSTOMERS = 50;

/** A key and a token for each customer. */
export async function issueTokens(): Promise<{ jwk: JWK; pem: string; tokens: string[] }> {
  const { publicKey, privateKey } = await generateKeyPair('ES256', { extractable: true });
  const sign = (customer: string) =>
    new SignJWT({ scope: 'orders:write' })
      .setProtectedHeader({ alg: 'ES256', typ: 'at+jwt', kid: 'bench' })
      .setIssuer(ISSUER)
      .setAudience(AUDIENCE)
      .setSubject(customer)
      .setIssuedAt()
      .setExpirationTime('1h')
      .sign(privateKey);
  return {
    jwk: { ...(await exportJWK(publicKey)), kid: 'bench', alg: 'ES256', use: 'sig' },
    pem: await exportSPKI(publicKey),
    tokens: await Promise.all(Array.from({ length: CUSTOMERS }, (_, i) => sign(`customer-${i}`))),
  };
}
