import { generateKeyPairSync } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { RametError } from '../../errors/index.ts';
import { movable } from '../../platform/movable.fixture.ts';
import { localTransport } from '../../rpc/local/index.ts';
import { silentLog } from '../../telemetry/index.ts';
import { type Issuer, newKey, startIssuer, tokenOf } from './issuer.fixture.ts';
import { createAuthenticator, type JwtOptions, jwtProblems } from './jwt.ts';
import { keySource } from './key-source.ts';

/* Tokens as a gateway sees them, with an issuer whose address is attacked over a real wire. */

const key = newKey('k1');

async function gatewayOf(answer: Issuer['answer'] = [key.jwk], options: Partial<JwtOptions> = {}) {
  const issuer = await startIssuer(answer);
  const clock = movable();
  const source = keySource(clock.platform, localTransport(new Map()), 'web', issuer.address);
  const authenticator = createAuthenticator(
    clock.platform,
    silentLog,
    { issuer: 'idp', audience: 'web', keys: issuer.address, ...options },
    source,
  );
  const token = (claims: object = {}, header: object = {}, by = key) => tokenOf(by, clock.platform.clock.wallNow(), claims, header);
  const verify = (text: string) =>
    authenticator.verify(text).then(
      () => 'accepted',
      (error) => (error instanceof RametError ? error.code : String(error)),
    );
  return { issuer, clock, authenticator, token, verify, [Symbol.asyncDispose]: () => issuer[Symbol.asyncDispose]() };
}

test('the caller of a token is one subject of one issuer, and no handler can change it for others', async () => {
  await using g = await gatewayOf();
  const token = g.token({ scope: 'a b' });
  const caller = await g.authenticator.verify(token);
  expect(caller).toEqual({ kind: 'user', subject: 'ada', issuer: 'idp', scopes: ['a', 'b'] });
  expect(() => (caller.scopes as string[]).push('admin')).toThrow();
  expect(await g.authenticator.verify(token)).toBe(caller);
});

describe('an issuer whose address', () => {
  const known = async (answer: Issuer['answer']) => {
    await using g = await gatewayOf();
    expect(await g.verify(g.token())).toBe('accepted');
    g.issuer.answer = answer;
    g.clock.move(11 * 60_000);
    const startedMs = performance.now();
    const answers = await Promise.all(['bob', 'eve', 'joe'].map((sub) => g.verify(g.token({ sub }))));
    return { answers, ms: performance.now() - startedMs };
  };

  test('hangs does not delay requests whose key is known', async () => {
    const { answers, ms } = await known(() => {});
    expect(answers).toEqual(['accepted', 'accepted', 'accepted']);
    expect(ms).toBeLessThan(2_500);
  });

  test('sends a byte now and then does not delay requests whose key is known', async () => {
    const { answers, ms } = await known((_, response) => {
      response.writeHead(200);
      const drip = setInterval(() => response.write(' '), 20);
      response.once('close', () => clearInterval(drip));
    });
    expect(answers).toEqual(['accepted', 'accepted', 'accepted']);
    expect(ms).toBeLessThan(2_500);
  });

  test('hangs from the start fails after three seconds, and its connection is closed', async () => {
    let closed = false;
    await using g = await gatewayOf((request) => request.once('close', () => (closed = true)));
    const startedMs = performance.now();
    expect(await g.verify(g.token())).toBe('Unavailable');
    expect(performance.now() - startedMs).toBeGreaterThan(2_500);
    await expect.poll(() => closed).toBe(true);
    // At once, until the next fetch is due.
    expect(await Promise.all(Array.from({ length: 20 }, () => g.verify(g.token())))).toEqual(Array(20).fill('Unavailable'));
    expect(g.issuer.asked).toBe(1);
  });

  test.each([
    ['as it is', (text: string) => Buffer.from(text), {}],
    ['compressed', (text: string) => gzipSync(text), { 'content-encoding': 'gzip' }],
  ])('answers with 64 MB (%s) is read up to 256 kB', async (_, encode, headers) => {
    const large = encode(`{"keys":[],"more":"${'x'.repeat(1 << 20)}"}`);
    let sent = 0;
    let closed = false;
    await using g = await gatewayOf((_request, response) => {
      response.once('close', () => (closed = true));
      response.writeHead(200, headers);
      const more = () => {
        while (!closed && sent < 64) {
          sent++;
          if (!response.write(large)) return response.once('drain', more);
        }
        return response.end();
      };
      more();
    });
    expect(await g.verify(g.token())).toBe('Unavailable');
    await expect.poll(() => closed).toBe(true);
    if (_ === 'as it is') expect(sent).toBeLessThan(64);
  });

  test('redirects is not followed', async () => {
    let followed = 0;
    await using elsewhere = await startIssuer((_, response) => {
      followed++;
      response.writeHead(200).end(JSON.stringify({ keys: [key.jwk] }));
    });
    await using g = await gatewayOf((_, response) => response.writeHead(302, { location: elsewhere.address }).end());
    expect(await g.verify(g.token())).toBe('Unavailable');
    expect(followed).toBe(0);
  });

  test('answers with odd and weak keys and one good key is an issuer with one key', async () => {
    const weak = { ...generateKeyPairSync('rsa', { modulusLength: 1_024 }).publicKey.export({ format: 'jwk' }), kid: 'k2' };
    await using g = await gatewayOf([null, 7, 'x', [], { kid: 'k1' }, { kty: 'oct', k: 'AAAA', kid: 'k3' }, weak, { ...key.jwk }]);
    expect(await g.verify(g.token())).toBe('accepted');
  });

  test.each(['', '{', '[]', '"keys"', '{"keys":7}'])('answers with %j keeps the keys that were there', async (text) => {
    const { answers } = await known((_, response) => response.writeHead(200).end(text));
    expect(answers).toEqual(['accepted', 'accepted', 'accepted']);
  });
});

describe('a key that is withdrawn', () => {
  test('stops working, also for tokens that were verified before', async () => {
    await using g = await gatewayOf();
    const next = newKey('k2');
    const token = g.token();
    expect(await g.verify(token)).toBe('accepted');
    g.issuer.answer = [next.jwk];
    g.clock.move(11 * 60_000);
    await expect.poll(() => g.verify(token)).toBe('InvalidToken');
    expect(await g.verify(g.token({}, {}, next))).toBe('accepted');
  });

  test('stops working when another key takes its id', async () => {
    await using g = await gatewayOf();
    const token = g.token();
    expect(await g.verify(token)).toBe('accepted');
    g.issuer.answer = [newKey('k1').jwk];
    g.clock.move(11 * 60_000);
    await expect.poll(() => g.verify(token)).toBe('InvalidToken');
  });

  test('is forgotten by a fetch that an unknown key caused', async () => {
    await using g = await gatewayOf();
    const [token, next] = [g.token(), newKey('k2')];
    expect(await g.verify(token)).toBe('accepted');
    g.issuer.answer = [next.jwk];
    g.clock.move(31_000);
    expect(await g.verify(g.token({}, {}, next))).toBe('accepted');
    expect(await g.verify(token)).toBe('InvalidToken');
  });
});

test('claims about time are checked, with the leeway', async () => {
  await using g = await gatewayOf();
  const now = () => Math.floor(g.clock.platform.clock.wallNow() / 1_000);
  for (const claims of [{}, { iat: now() }, { iat: now() + 50, nbf: now() + 50 }, { iat: 0 }, { exp: now() - 50 }])
    expect([claims, await g.verify(g.token(claims))]).toEqual([claims, 'accepted']);
  for (const claims of [
    { iat: now() + 120 },
    { iat: now() + 86_400 * 365 },
    { iat: 'yesterday' },
    { nbf: now() + 120 },
    { exp: now() - 120 },
    { exp: '9' },
    { exp: undefined },
    { sub: undefined },
    { sub: '' },
    { iss: ['idp'] },
    { aud: undefined },
  ])
    expect([claims, await g.verify(g.token(claims))]).toEqual([claims, 'InvalidToken']);
});

describe('the type of a token', () => {
  const types = async (type: string | undefined, typs: readonly unknown[]) => {
    await using g = await gatewayOf([key.jwk], type === undefined ? {} : { type });
    return await Promise.all(typs.map((typ) => g.verify(g.token({}, { typ }))));
  };

  test('is at+jwt unless the gateway says otherwise, in any case and with or without its prefix', async () => {
    const good = ['at+jwt', 'AT+JWT', 'application/at+jwt', 'Application/At+Jwt'];
    expect(await types(undefined, good)).toEqual(good.map(() => 'accepted'));
    expect(await types('application/AT+jwt', good)).toEqual(good.map(() => 'accepted'));
    const bad = ['JWT', undefined, '', 'jwt', 7, null, 'text/at+jwt', 'application/application/at+jwt', 'at+jwt;v=1', ' at+jwt'];
    expect(await types(undefined, bad)).toEqual(bad.map(() => 'InvalidToken'));
  });

  test('is absent or JWT where the gateway says JWT, and no other type', async () => {
    const good = ['JWT', 'jwt', 'application/jwt', undefined];
    expect(await types('JWT', good)).toEqual(good.map(() => 'accepted'));
    const bad = ['at+jwt', 'logout+jwt', 'dpop+jwt', '', null, 7];
    expect(await types('JWT', bad)).toEqual(bad.map(() => 'InvalidToken'));
  });
});

test('options that no token could meet are named', () => {
  const good: JwtOptions = { issuer: 'idp', audience: 'web', keys: 'https://idp.example/jwks' };
  expect(jwtProblems(good)).toEqual([]);
  expect(jwtProblems({ ...good, keys: 'http://127.0.0.1:9/jwks' })).toEqual([]);
  const problems = (more: object) => jwtProblems({ ...good, ...more } as JwtOptions).join('\n');
  expect(problems({ algorithm: 'HS256' })).toContain("'HS256' is not accepted");
  expect(problems({ algorithm: 'none' })).toContain("'none' is not accepted");
  expect(problems({ type: '' })).toContain('not a media type');
  expect(problems({ issuer: '' })).toContain("'issuer' is empty");
  expect(problems({ audience: '' })).toContain("'audience' is empty");
  expect(problems({ leeway: '1 min' })).toContain('not a duration');
  expect(problems({ keys: 'http://idp.example/jwks' })).toContain('use https');
  expect(problems({ keys: 'http://localhost:80@idp.example/jwks' })).toContain('names a user');
  expect(problems({ keys: 'idp.example/jwks' })).toContain('not the address');
});
