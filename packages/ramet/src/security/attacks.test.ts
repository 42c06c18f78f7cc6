import { createHmac } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ANNA, forged, identitiesOf, Machine, MONEY, refusal, SHOP, STRANGER, signedBy } from './identities.fixture.ts';
import { generateIdentityKey } from './index.ts';

/** A fresh pair of processes, and what `money` says to a token that is given to `payments`. */
function pair() {
  const [here, there] = [new Machine(), new Machine()];
  const shop = identitiesOf('shop', here);
  const money = identitiesOf('money', there);
  const token = shop.sign(ANNA, 'orders', 'payments');
  const now = here.wallMs / 1_000;
  const says = (given: string, to = 'payments') => refusal(() => money.verify(given, to));
  const resigned = (claims: object, key = SHOP.privateKey) => forged(token, { claims, signature: signedBy(key) });
  return { here, there, shop, money, token, now, says, resigned };
}

const because = (why: string) => expect.stringContaining(`Unauthenticated: The identity of the caller is not valid: ${why}`);

describe('is refused', () => {
  test('a token whose claims were changed after it was signed', () => {
    const { token, says } = pair();
    for (const claims of [{ sub: 'web' }, { caller: { ...ANNA, subject: 'root' } }, { exp: 9e9 }, { iss: 'money' }])
      expect(says(forged(token, { claims }))).toEqual(because('its signature does not fit'));
  });

  test('the signature of another token, and one with a bit turned', () => {
    const { shop, token, says } = pair();
    const other = shop.sign({ ...ANNA, subject: 'bert' }, 'orders', 'payments').split('.')[2] as string;
    expect(says(forged(token, { signature: () => other }))).toEqual(because('its signature does not fit'));
    for (const at of [0, 31, 32, 63]) {
      const bytes = Buffer.from(token.split('.')[2] as string, 'base64url');
      bytes[at] = (bytes[at] as number) ^ 1;
      expect(says(forged(token, { signature: () => bytes.toString('base64url') }))).toEqual(because('its signature does not fit'));
    }
  });

  test('a token without a signature, and one of a length that no signature has', () => {
    const { token, says } = pair();
    for (const signature of ['', 'AAAA', 'A'.repeat(85), 'A'.repeat(87), 'A'.repeat(86 * 2)])
      expect(says(forged(token, { signature: () => signature }))).toEqual(because('it is malformed'));
    expect(says(forged(token, { signature: () => 'A'.repeat(86) }))).toEqual(because('its signature does not fit'));
  });

  test('any algorithm that the token itself chooses', () => {
    const { token, says } = pair();
    const hmac = (text: string) => createHmac('sha256', SHOP.publicKey).update(text).digest('base64url');
    const headers = [{ alg: 'none' }, { alg: 'None' }, { alg: 'HS256' }, { alg: 'ES256' }, { alg: ['EdDSA'] }, { alg: 'Ed25519' }];
    for (const header of headers) {
      for (const signature of [() => '', hmac, signedBy(SHOP.privateKey)])
        expect(says(forged(token, { header, signature }))).toEqual(
          because('it is not signed by EdDSA with the key of a process that this one knows'),
        );
    }
  });

  test('whatever else in a header would say how to verify', () => {
    const { token, says } = pair();
    const own = { kty: 'OKP', crv: 'Ed25519', x: Buffer.alloc(32).toString('base64url') };
    for (const header of [
      { jwk: own },
      { jku: 'https://evil.example/keys' },
      { x5u: 'https://evil.example' },
      { crit: ['b64'], b64: false },
      { typ: 'at+jwt' },
      { typ: undefined },
    ])
      expect(says(forged(token, { header, signature: signedBy(SHOP.privateKey) }))).toEqual(because('it is not signed by EdDSA'));
  });

  test('an unknown key, whatever its id, which the message names for the operator', () => {
    const { token, says } = pair();
    const kids = ['shop', '../../etc/passwd', '__proto__', 'constructor', "' or 1=1", '', 7, null];
    for (const kid of kids)
      expect(says(forged(token, { header: { kid }, signature: signedBy(STRANGER.privateKey) }))).toEqual(
        because('it is not signed by EdDSA'),
      );
    expect(says(forged(token, { header: { kid: 'key-of-2024' } }))).toContain('(key key-of-2024)');
  });

  test('a token signed with a key that claims to be another', () => {
    const { token, says } = pair();
    for (const key of [STRANGER.privateKey, MONEY.privateKey])
      expect(says(forged(token, { signature: signedBy(key) }))).toEqual(because('its signature does not fit'));
  });

  test('a process that signs in the name of another, or speaks for a service of another', () => {
    const { resigned, says } = pair();
    expect(says(resigned({ iss: 'money' }))).toEqual(because("it was signed by process 'shop' in the name of process 'money'"));
    expect(says(resigned({ sub: 'payments' }), 'payments')).toEqual(
      because("process 'shop' does not host 'payments' and cannot speak for it"),
    );
    for (const sub of ['', 'admin', '__proto__', 'toString'])
      expect(says(resigned({ sub }))).toEqual(because(`process 'shop' does not host '${sub}'`));
  });

  test('a token at another service than it is for, also one that was let in where it belongs', () => {
    const { token, says } = pair();
    expect(says(token)).toBe('let in');
    expect(says(token, 'ledger')).toEqual(because("it is meant for 'payments' and was given to 'ledger'"));
    expect(says(token)).toBe('let in');
    const { resigned } = pair();
    for (const aud of [['payments'], ['payments', 'ledger'], '*', { payments: true }])
      expect(says(resigned({ aud }))).toMatch(/^Unauthenticated/);
  });

  test('a caller that does not declare that it uses the service, with what to declare', () => {
    const { shop, says } = pair();
    for (const [from, to] of [
      ['web', 'payments'],
      ['catalog', 'payments'],
      ['orders', 'ledger'],
    ] as const) {
      expect(says(shop.sign(ANNA, from, to), to)).toBe(
        `Forbidden: '${from}' does not declare that it uses '${to}': add it to 'uses' of '${from}', and give the new graph to the process of '${to}' first`,
      );
    }
  });

  test('a token that is too old, also one that was let in while it was good', () => {
    const { there, token, says } = pair();
    there.pass(64_999);
    expect(says(token)).toBe('let in');
    there.pass(1);
    expect(says(token)).toEqual(because('it expired'));
    const fresh = pair();
    fresh.there.pass(65_000);
    expect(fresh.says(fresh.token)).toEqual(because('it expired 5.0 s ago; look at the clocks of both machines'));
  });

  test('a token of the future, of a long life, and without times', () => {
    const { now, resigned, says } = pair();
    expect(says(resigned({ iat: now + 5, exp: now + 60 }))).toBe('let in');
    expect(says(resigned({ iat: now + 6, exp: now + 60 }))).toEqual(because('it was signed 6.0 s from now'));
    expect(says(resigned({ iat: now, exp: now + 61 }))).toEqual(because('it is valid for more than 60 s'));
    expect(says(resigned({ iat: now - 3_600, exp: now + 60 }))).toEqual(because('it is valid for more than 60 s'));
    for (const exp of [undefined, null, 'soon', `${now + 60}`, now + 0.5, -1, Number.MAX_VALUE, [now + 60]])
      expect(says(resigned({ exp }))).toEqual(because('it lacks a claim'));
    for (const iat of [undefined, null, `${now}`, 0]) expect(says(resigned({ iat }))).toEqual(because('it lacks a claim'));
  });

  test('a token that was accepted, once the clock of the called process was set back: it does not live twice', () => {
    const { there, token, says } = pair();
    expect(says(token)).toBe('let in');
    there.pass(66_000);
    there.wallMs -= 60_000;
    expect(says(token)).toEqual(because('it expired'));
  });

  test('a token that was accepted, once the clock of the called process was set forward', () => {
    const { there, token, says } = pair();
    expect(says(token)).toBe('let in');
    there.wallMs += 66_000;
    expect(says(token)).toEqual(because('it expired 6.0 s ago'));
  });

  test('a token whose machine has another time than ours', () => {
    const late = pair();
    late.here.wallMs -= 66_000;
    expect(late.says(late.shop.sign(ANNA, 'orders', 'payments'))).toEqual(because('it expired'));
    const early = pair();
    early.here.wallMs += 6_000;
    expect(early.says(early.shop.sign(ANNA, 'orders', 'payments'))).toEqual(because('it was signed 6.0 s from now'));
  });

  test('a claim of the wrong kind, although the signature fits', () => {
    const { resigned, says } = pair();
    const callers = [
      undefined,
      null,
      [],
      'anna',
      {},
      { ...ANNA, kind: 'admin' },
      { ...ANNA, kind: ['user'] },
      { ...ANNA, subject: 7 },
      { ...ANNA, subject: undefined },
      { ...ANNA, scopes: 'orders:read' },
      { ...ANNA, scopes: [7] },
      { ...ANNA, scopes: undefined },
      { ...ANNA, initiator: {} },
      { ...ANNA, initiatorIssuer: 7 },
      { ...ANNA, issuer: 7 },
      { ...ANNA, client: null },
    ];
    for (const caller of callers) expect(says(resigned({ caller }))).toEqual(because('it lacks a claim'));
    for (const claims of [{ sub: ['orders'] }, { sub: undefined }, { iss: ['shop'] }, { iss: undefined }, { aud: undefined }])
      expect(says(resigned(claims))).toEqual(because('it lacks a claim'));
  });

  test('a payload that is not a JSON object, although the signature fits', () => {
    const { token, says } = pair();
    const [header = ''] = token.split('.');
    for (const payload of ['', 'null', '[]', '"a"', '7', '{', 'nonsense', '\ufeff{}']) {
      const text = `${header}.${Buffer.from(payload).toString('base64url')}`;
      expect(says(`${text}.${signedBy(SHOP.privateKey)(text)}`)).toMatch(/is not valid: it (is malformed|lacks a claim)$/);
    }
  });

  test('what is written in another way than the one that counts', () => {
    const { token, says } = pair();
    const [header = '', payload = '', signature = ''] = token.split('.');
    const last = signature.at(-1) as string;
    const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
    // The last four bits of 86 characters stand for nothing: Node's decoder reads sixteen signatures as one.
    const twin = `${signature.slice(0, -1)}${alphabet[alphabet.indexOf(last) + 1]}`;
    expect(Buffer.from(twin, 'base64url')).toEqual(Buffer.from(signature, 'base64url'));
    for (const other of [
      `${header}.${payload}.${twin}`,
      `${header}.${payload}.${signature}=`,
      `${header}.${payload}.${signature}==`,
      `${header}.${payload}.${signature}\n`,
      ` ${token}`,
      `${header}=.${payload}.${signature}`,
      `${header}.${payload}=.${signature}`,
      `${header}.${payload.slice(0, 10)} ${payload.slice(10)}.${signature}`,
      `${header}.${payload}.${signature}.`,
      `${token}.${signature}`,
      `.${token}`,
      `${header}.${payload}`,
      `${header}..${signature}`,
      'x',
      '',
      '..',
      '.',
      'Bearer '.concat(token),
    ])
      expect(says(other)).toMatch(/^Unauthenticated/);
    expect(says(undefined as never)).toEqual(because('it is malformed'));
    expect(says(7 as never)).toEqual(because('it is malformed'));
  });

  test('a token without end, at no cost', () => {
    const { token, there, says } = pair();
    for (const huge of ['.'.repeat(50_000_000), `${token}${'A'.repeat(30_000)}`, 'A'.repeat(50_000_000)])
      expect(says(huge)).toEqual(because('it is malformed'));
    const { resigned } = pair();
    expect(says(resigned({ caller: { ...ANNA, subject: 'x'.repeat(20_000) } }))).toEqual(because('it is malformed'));
    expect(there.verified).toBe(0);
  });

  test('any token in which one character is another', () => {
    const { token, says } = pair();
    const characters = fc.constantFrom(...'ABZaz09-_.=+/ \u0000é');
    fc.assert(
      fc.property(fc.nat(token.length - 1), characters, (at, character) => {
        fc.pre(token[at] !== character);
        expect(says(`${token.slice(0, at)}${character}${token.slice(at + 1)}`)).toMatch(/^Unauthenticated/);
      }),
      { numRuns: 400 },
    );
  });

  test('refused tokens are not remembered: each is verified again, and who is good gets in beside them', () => {
    const { token, there, says } = pair();
    const bad = forged(token, { claims: { sub: 'web' } });
    for (let i = 0; i < 3; i++) expect(says(bad)).toMatch(/^Unauthenticated/);
    expect(there.verified).toBe(3);
    expect(says(token)).toBe('let in');
  });
});

test('an attack is reported, and not by the thousand', () => {
  const machine = new Machine();
  const told: unknown[] = [];
  const money = identitiesOf('money', machine, { onRefused: (error, where) => told.push([(error as Error).name, where]) });
  const attack = () => refusal(() => money.verify('x.y.z', 'payments'));
  for (let i = 0; i < 1_000; i++) attack();
  machine.pass(1_000);
  attack();
  expect(told).toEqual([
    ['Unauthenticated', { service: 'payments', refused: 1 }],
    ['Unauthenticated', { service: 'payments', refused: 1_000 }],
  ]);
});

test('a process that was replaced, but kept its old key, is unknown', () => {
  const machine = new Machine();
  const old = identitiesOf('shop', machine).sign(ANNA, 'orders', 'payments');
  const next = generateIdentityKey(machine.platform);
  const money = identitiesOf('money', machine, { publicKeys: { shop: [next.publicKey], money: [MONEY.publicKey] } });
  expect(refusal(() => money.verify(old, 'payments'))).toEqual(
    because('it is not signed by EdDSA with the key of a process that this one knows (key '),
  );
});
