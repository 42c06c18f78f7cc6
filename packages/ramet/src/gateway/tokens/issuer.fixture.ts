import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface KeyOfIssuer {
  readonly jwk: Record<string, unknown>;
  readonly privateKey: KeyObject;
}

export function newKey(kid: string): KeyOfIssuer {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  return { jwk: { ...publicKey.export({ format: 'jwk' }), kid, alg: 'EdDSA', use: 'sig' }, privateKey };
}

const part = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');

/** A token of an issuer `idp` for the audience `web`, unless the claims say otherwise. */
export function tokenOf(key: KeyOfIssuer, nowMs: number, claims: object = {}, header: object = {}): string {
  const exp = Math.floor(nowMs / 1_000) + 3_600;
  const head = `${part({ alg: 'EdDSA', kid: key.jwk['kid'], typ: 'at+jwt', ...header })}.${part({ iss: 'idp', aud: 'web', sub: 'ada', exp, ...claims })}`;
  return `${head}.${sign(null, Buffer.from(head), key.privateKey).toString('base64url')}`;
}

export interface Issuer extends AsyncDisposable {
  readonly address: string;
  /** How often it was asked. */
  asked: number;
  /** What it answers with: keys, or anything else. */
  answer: readonly unknown[] | ((request: IncomingMessage, response: ServerResponse) => void);
}

/** An issuer's key set at an address of this machine. */
export async function startIssuer(answer: Issuer['answer']): Promise<Issuer> {
  const server = createServer((request, response) => {
    issuer.asked++;
    if (typeof issuer.answer === 'function') issuer.answer(request, response);
    else response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: issuer.answer }));
  }).listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const issuer: Issuer = {
    address: `http://127.0.0.1:${(server.address() as AddressInfo).port}/jwks`,
    asked: 0,
    answer,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return issuer;
}
