import { type CryptoKey, generateKeyPair, importJWK, type JWK, SignJWT, UnsecuredJWT } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Answer, Customer } from '../harness/client.ts';
import { expectProblem, type Suite } from './suite.ts';

interface Recipe {
  readonly claims?: Record<string, unknown>;
  readonly header?: Record<string, unknown>;
  readonly issuer?: string;
  readonly audience?: string;
  readonly subject?: string | null;
  /** Seconds from now. */
  readonly expires?: number | null;
  readonly key?: CryptoKey | Uint8Array;
}

/** Tokens that are right but for one thing, signed with the shop's own key where that thing is not the key. */
export function tokens(suite: Suite): void {
  describe('an access token', () => {
    let customer: Customer;
    let own: CryptoKey;
    let published: JWK;
    beforeAll(async () => {
      customer = await suite.client.customer();
      own = (await importJWK(await suite.shop.signingKey(), 'EdDSA')) as CryptoKey;
      const answer = await suite.client.request<{ keys: [JWK] }>('GET', '/.well-known/jwks.json');
      published = answer.body.keys[0];
    });

    const token = ({ claims = {}, header = {}, key, ...recipe }: Recipe = {}) => {
      const { issuer = 'ramet-shop', audience = 'shop', subject = customer.userId, expires = 600 } = recipe;
      const now = Math.floor(Date.now() / 1_000);
      const jwt = new SignJWT({ scope: 'orders:read orders:write', ...claims })
        .setProtectedHeader({ alg: 'EdDSA', typ: 'at+jwt', kid: published.kid as string, ...header })
        .setIssuer(issuer)
        .setAudience(audience)
        .setIssuedAt(Math.min(now, now + (expires ?? 0)) - 1);
      if (subject !== null) jwt.setSubject(subject);
      if (expires !== null) jwt.setExpirationTime(now + expires);
      return jwt.sign(key ?? own);
    };
    const list = (authorization?: string): Promise<Answer> =>
      suite.client.request('GET', '/api/orders', { headers: authorization === undefined ? {} : { authorization } });
    const expectInvalid = (answer: Answer) => {
      expectProblem(answer, 401, 'InvalidToken');
      expect(answer.headers['www-authenticate']).toBe('Bearer error="invalid_token"');
    };

    test('made like the shop’s own is taken, so that the others are refused for the one thing that is wrong with them', async () => {
      expect((await list(`Bearer ${await token()}`)).status).toBe(200);
      expect((await list(`bearer ${customer.token}`)).status).toBe(200);
    });

    test('that is missing is distinguished from one that is invalid', async () => {
      for (const [method, path] of [
        ['GET', '/api/orders'],
        ['POST', '/api/orders'],
        ['GET', '/api/orders/ord_06gzqy8ss5reh0v591fnc8nf80'],
        ['GET', '/api/orders/ord_06gzqy8ss5reh0v591fnc8nf80/events'],
        ['POST', '/api/orders/ord_06gzqy8ss5reh0v591fnc8nf80/cancel'],
      ] as const) {
        const answer = await suite.client.request(method, path);
        expectProblem(answer, 401, 'MissingToken');
        expect(answer.headers['www-authenticate']).toBe('Bearer');
        expectInvalid(await suite.client.request(method, path, { token: 'nonsense' }));
      }
    });

    const wrong: [string, () => Promise<string> | string][] = [
      ['that has expired', () => token({ expires: -120 })],
      ['that never expires', () => token({ expires: null })],
      ['for another audience', () => token({ audience: 'the-other-shop' })],
      ['of another issuer', () => token({ issuer: 'https://evil.test' })],
      ['without a subject', () => token({ subject: null })],
      ['that is not valid yet', () => token({ claims: { nbf: Math.floor(Date.now() / 1_000) + 600 } })],
      ['of another type', () => token({ header: { typ: 'JWT' } })],
      ['with a key id that is not published', () => token({ header: { kid: 'another' } })],
      ['with an extension that must be understood', () => token({ header: { crit: ['exotic'], exotic: 1 } }).catch(() => critical())],
      ['signed with a foreign key under our key id', async () => token({ key: (await generateKeyPair('EdDSA')).privateKey })],
      [
        'signed with the public key as a secret',
        () => token({ header: { alg: 'HS256' }, key: new Uint8Array(Buffer.from(published.x ?? '', 'base64url')) }),
      ],
      [
        'that is not signed (alg none)',
        () =>
          new UnsecuredJWT({ scope: 'orders:read orders:write' })
            .setIssuer('ramet-shop')
            .setAudience('shop')
            .setSubject(customer.userId)
            .setIssuedAt()
            .setExpirationTime('10m')
            .encode(),
      ],
      ['with another payload under a good signature', () => tampered(customer.token)],
      ['that is longer than any token', () => token({ claims: { padding: 'x'.repeat(9_000) } })],
    ];
    /** jose does not sign what it does not understand itself. */
    const critical = async () => {
      const [, payload = ''] = (await token()).split('.');
      const head = { alg: 'EdDSA', typ: 'at+jwt', kid: published.kid, crit: ['exotic'], exotic: 1 };
      const signed = `${Buffer.from(JSON.stringify(head)).toString('base64url')}.${payload}`;
      const signature = await crypto.subtle.sign('Ed25519', own, Buffer.from(signed));
      return `${signed}.${Buffer.from(signature).toString('base64url')}`;
    };

    test.each(wrong)('%s is invalid', async (_, make) => expectInvalid(await list(`Bearer ${await make()}`)));

    test('in any other form is invalid', async () => {
      for (const authorization of [
        'Bearer a.b.c',
        `Bearer ${customer.token}.more`,
        `Bearer ${customer.token.slice(0, -8)}`,
        `Basic ${Buffer.from('ada:secret').toString('base64')}`,
        customer.token,
      ]) {
        expectInvalid(await list(authorization));
      }
    });

    test('without the scope is refused with 403 and what is missing', async () => {
      const reads = await token({ claims: { scope: 'orders:read' } });
      expect((await list(`Bearer ${reads}`)).status).toBe(200);
      const refused = await suite.client.request('POST', '/api/orders/ord_06gzqy8ss5reh0v591fnc8nf80/cancel', { token: reads });
      expectProblem(refused, 403, 'Forbidden');
      expect(refused.headers['www-authenticate']).toBe('Bearer error="insufficient_scope", scope="orders:write"');
      expectProblem(await list(`Bearer ${await token({ claims: { scope: 'orders:readmore xorders:read' } })}`), 403, 'Forbidden');
    });

    test('of a customer who does not exist opens nothing', async () => {
      const answer = await suite.client.request('POST', '/api/orders', {
        token: await token({ subject: 'usr_nobody' }),
        key: crypto.randomUUID(),
        body: { lines: [{ sku: suite.product().sku, quantity: 1 }], card: { number: '4242424242424242' } },
      });
      expectProblem(answer, 403, 'Forbidden');
    });
  });
}

function tampered(token: string): string {
  const [head, payload = '', signature] = token.split('.');
  const claims = JSON.parse(Buffer.from(payload, 'base64url').toString());
  return [head, Buffer.from(JSON.stringify({ ...claims, sub: 'usr_someone_else' })).toString('base64url'), signature].join('.');
}
