import fc from 'fast-check';
import { expect, test } from 'vitest';
import { ANNA, identitiesOf, Machine, MONEY, refusal, SHOP, STRANGER, TWO } from './identities.fixture.ts';
import type { Caller } from './index.ts';
import { createIdentities, firstOf, generateIdentityKey, serviceCaller } from './index.ts';

test('the called service learns the caller and its initiator', () => {
  const machine = new Machine();
  const [shop, money] = [identitiesOf('shop', machine), identitiesOf('money', machine)];
  expect(money.verify(shop.sign(ANNA, 'orders', 'payments'), 'payments')).toEqual({ caller: ANNA, from: 'orders' });
  const back = money.sign(serviceCaller('payments', { initiator: 'anna' }), 'payments', 'orders');
  expect(shop.verify(back, 'orders')).toEqual({
    caller: { kind: 'service', subject: 'payments', scopes: [], initiator: 'anna' },
    from: 'payments',
  });
});

test('any caller arrives as it was, and no other one with it', () => {
  const machine = new Machine();
  const [shop, money] = [identitiesOf('shop', machine), identitiesOf('money', machine)];
  const text = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 12 }),
    fc.constantFrom('', 'a', '1:a', 'a 1:b', '@1:a', '__proto__', '\u0000'),
  );
  const callers: fc.Arbitrary<Caller> = fc
    .record({
      kind: fc.constantFrom('user', 'service', 'anonymous'),
      subject: text,
      scopes: fc.array(text, { maxLength: 4 }),
      issuer: fc.option(text, { nil: undefined }),
      client: fc.option(text, { nil: undefined }),
      initiator: fc.option(text, { nil: undefined }),
      initiatorIssuer: fc.option(text, { nil: undefined }),
    })
    .map((caller) => Object.fromEntries(Object.entries(caller).filter(([, value]) => value !== undefined)) as unknown as Caller)
    // Half of a surrogate pair is not a text that JSON can carry: it arrives as U+FFFD everywhere in the framework.
    .filter(
      (caller) =>
        JSON.stringify(caller).isWellFormed() &&
        [
          caller.subject,
          caller.issuer ?? '',
          caller.client ?? '',
          caller.initiator ?? '',
          caller.initiatorIssuer ?? '',
          ...caller.scopes,
        ].every((each) => each.isWellFormed()),
    );
  fc.assert(
    fc.property(callers, (caller) => {
      expect(money.verify(shop.sign(caller, 'orders', 'payments'), 'payments').caller).toEqual(caller);
    }),
    { numRuns: 100 },
  );
});

test('a token is signed once and verified once, until half of its life is over', () => {
  const [here, there] = [new Machine(), new Machine()];
  const [shop, money] = [identitiesOf('shop', here), identitiesOf('money', there)];
  const first = shop.sign(ANNA, 'orders', 'payments');
  for (let i = 0; i < 29; i++) {
    here.pass(1_000);
    there.pass(1_000);
    const token = shop.sign({ ...ANNA }, 'orders', 'payments');
    expect(token).toBe(first);
    expect(money.verify(token, 'payments').from).toBe('orders');
  }
  expect([here.signed, there.verified]).toEqual([1, 1]);
  here.pass(1_000);
  expect(shop.sign(ANNA, 'orders', 'payments')).not.toBe(first);
  expect(here.signed).toBe(2);
});

test('another caller, another caller of the same name, another service and another pair get tokens of their own', () => {
  const machine = new Machine();
  const shop = identitiesOf('shop', machine);
  const tokens = [
    shop.sign(ANNA, 'orders', 'payments'),
    shop.sign({ ...ANNA, subject: 'bert' }, 'orders', 'payments'),
    shop.sign({ ...ANNA, kind: 'service' }, 'orders', 'payments'),
    shop.sign({ ...ANNA, scopes: ['orders:read'] }, 'orders', 'payments'),
    shop.sign({ ...ANNA, scopes: ['orders:read orders:write'] }, 'orders', 'payments'),
    shop.sign({ ...ANNA, issuer: 'bert' }, 'orders', 'payments'),
    shop.sign({ ...ANNA, client: 'bert' }, 'orders', 'payments'),
    shop.sign({ ...ANNA, initiator: 'bert' }, 'orders', 'payments'),
    shop.sign({ ...ANNA, initiator: 'bert', initiatorIssuer: 'idp' }, 'orders', 'payments'),
    shop.sign({ ...ANNA, subject: 'anna@4:bert' }, 'orders', 'payments'),
    shop.sign(ANNA, 'orders', 'catalog'),
    shop.sign(ANNA, 'catalog', 'payments'),
  ];
  expect(new Set(tokens).size).toBe(tokens.length);
});

test('a handler cannot change a caller, because the next call receives the same one', () => {
  const machine = new Machine();
  const { caller } = identitiesOf('money', machine).verify(identitiesOf('shop', machine).sign(ANNA, 'orders', 'payments'), 'payments');
  expect(() => (caller.scopes as string[]).push('admin')).toThrow(TypeError);
  expect(() => Object.assign(caller, { subject: 'root' })).toThrow(TypeError);
});

test('caches are bounded: a million callers do not fill the memory', () => {
  const [here, there] = [new Machine(), new Machine()];
  const [shop, money] = [identitiesOf('shop', here), identitiesOf('money', there)];
  const scopes = Array.from({ length: 500 }, (_, i) => `scope-number-${i}`);
  const tokens = Array.from({ length: 700 }, (_, i) => shop.sign({ ...ANNA, subject: `user ${i}`, scopes }, 'orders', 'payments'));
  for (const token of tokens) money.verify(token, 'payments');
  shop.sign({ ...ANNA, subject: 'user 699', scopes }, 'orders', 'payments');
  money.verify(tokens[699] as string, 'payments');
  expect([here.signed, there.verified]).toEqual([700, 700]);
  shop.sign({ ...ANNA, subject: 'user 0', scopes }, 'orders', 'payments');
  money.verify(tokens[0] as string, 'payments');
  expect([here.signed, there.verified]).toEqual([701, 701]);
});

test('a process does not sign for a service that it does not host', () => {
  const shop = identitiesOf('shop', new Machine());
  expect(refusal(() => shop.sign(ANNA, 'payments', 'ledger'))).toBe(
    "Unauthenticated: The identity of the caller is not valid: process 'shop' does not host 'payments' and cannot speak for it",
  );
});

test('a caller that is too large is refused where it is signed', () => {
  const shop = identitiesOf('shop', new Machine());
  expect(refusal(() => shop.sign({ ...ANNA, subject: 'x'.repeat(30_000) }, 'orders', 'payments'))).toMatch(
    /more than 24576; give the caller fewer scopes$/,
  );
  const money = identitiesOf('money', new Machine());
  // The largest caller that a gateway can make of a token of 8 kB.
  const scopes = Array.from({ length: 3_000 }, () => 'a');
  expect(money.verify(shop.sign({ ...ANNA, scopes }, 'orders', 'payments'), 'payments').caller.scopes).toEqual(scopes);
});

test('every problem of the keys is reported together, with what to do', () => {
  const machine = new Machine();
  const problems = () =>
    createIdentities(machine.platform, {
      process: 'shop',
      privateKey: STRANGER.privateKey,
      publicKeys: { shop: [SHOP.publicKey, 'nonsense'], money: [SHOP.publicKey], empty: [], leak: [MONEY.privateKey] },
      hosts: { ...TWO.hosts, mail: ['mail'] },
      graph: TWO.graph,
      lifetime: '5m',
      leeway: '1m',
    });
  const words = refusal(problems);
  for (const expected of [
    "'lifetime' is 5m; it is at most 60s",
    "'leeway' is 1m; it is at most 5s",
    "public key 2 of process 'shop' cannot be used: it is not a public Ed25519 key",
    "public key 1 of process 'money' is one of process 'shop' too",
    "process 'empty' has no public key; make one with 'generateIdentityKey'",
    "public key 1 of process 'leak' cannot be used: it is a private key: configure only its public half",
    "process 'mail' has no public key",
    "the private key of process 'shop' belongs to none of its public keys",
  ])
    expect(words).toContain(expected);
  expect(words).toMatch(/^BootFailed: 8 problems/);
  expect(words).not.toContain(MONEY.privateKey.split('\n')[1]);
});

test('a process that hosts nothing, a missing key and a key of another process keep it from starting', () => {
  const machine = new Machine();
  const make = (more: object) =>
    refusal(() => createIdentities(machine.platform, { process: 'shop', privateKey: SHOP.privateKey, ...TWO, ...more }));
  expect(make({ process: 'ghost' })).toContain("process 'ghost' hosts nothing");
  expect(make({ privateKey: MONEY.privateKey })).toContain(
    "the private key of process 'shop' is the one of process 'money'; give it its own",
  );
  expect(make({ privateKey: firstOf({ find: () => undefined, place: (name) => `a box called ${name}` }).get('identity-key') })).toContain(
    "the secret 'identity-key' is missing or empty: looked for a box called identity-key",
  );
  expect(make({ lifetime: '1500ms' })).toContain("'lifetime' must be whole seconds");
});

test('keys may be JWK as well as PEM, and those of openssl and of jose are read', async () => {
  const { exportJWK, exportPKCS8, exportSPKI, generateKeyPair } = await import('jose');
  const pair = await generateKeyPair('EdDSA', { crv: 'Ed25519', extractable: true });
  const [privateJwk, publicJwk] = [JSON.stringify(await exportJWK(pair.privateKey)), JSON.stringify(await exportJWK(pair.publicKey))];
  const [privatePem, publicPem] = [await exportPKCS8(pair.privateKey), await exportSPKI(pair.publicKey)];
  const machine = new Machine();
  for (const privateKey of [privateJwk, privatePem]) {
    for (const publicKey of [publicJwk, publicPem]) {
      const publicKeys = { ...TWO.publicKeys, shop: [publicKey] };
      const token = identitiesOf('shop', machine, { privateKey, publicKeys }).sign(ANNA, 'orders', 'payments');
      expect(identitiesOf('money', machine, { publicKeys }).verify(token, 'payments').from).toBe('orders');
    }
  }
  const mixed = JSON.stringify({ ...JSON.parse(privateJwk), x: JSON.parse(await jwkOf(SHOP.publicKey)).x });
  expect(refusal(() => identitiesOf('shop', machine, { privateKey: mixed }))).toContain('do not belong together');
  expect(refusal(() => identitiesOf('money', machine, { publicKeys: { ...TWO.publicKeys, shop: [privateJwk] } }))).toContain(
    'it is a private key',
  );

  async function jwkOf(pem: string): Promise<string> {
    const { importSPKI } = await import('jose');
    return JSON.stringify(await exportJWK(await importSPKI(pem, 'EdDSA', { extractable: true })));
  }
});

test('tokens are plain JWS: another library verifies them, and its own are verified', async () => {
  const { calculateJwkThumbprint, exportJWK, importPKCS8, importSPKI, jwtVerify, SignJWT } = await import('jose');
  const machine = new Machine();
  const token = identitiesOf('shop', machine).sign(ANNA, 'orders', 'payments');
  const key = await importSPKI(SHOP.publicKey, 'EdDSA', { extractable: true });
  const { payload, protectedHeader } = await jwtVerify(token, key, {
    currentDate: new Date(machine.wallMs),
    issuer: 'shop',
    audience: 'payments',
    typ: 'ramet-identity+jwt',
  });
  const kid = await calculateJwkThumbprint(await exportJWK(key));
  expect(protectedHeader).toEqual({ alg: 'EdDSA', kid, typ: 'ramet-identity+jwt' });
  expect(payload).toEqual({
    iss: 'shop',
    sub: 'orders',
    aud: 'payments',
    iat: machine.wallMs / 1_000,
    exp: machine.wallMs / 1_000 + 60,
    caller: ANNA,
  });
  const theirs = await new SignJWT({ caller: ANNA } as never)
    .setProtectedHeader({ alg: 'EdDSA', kid, typ: 'ramet-identity+jwt' })
    .setIssuer('shop')
    .setSubject('orders')
    .setAudience('payments')
    .setIssuedAt(machine.wallMs / 1_000)
    .setExpirationTime(machine.wallMs / 1_000 + 30)
    .sign(await importPKCS8(SHOP.privateKey, 'EdDSA'));
  expect(identitiesOf('money', machine).verify(theirs, 'payments')).toEqual({ caller: ANNA, from: 'orders' });
});

test('a key is replaced without a call that fails: the new public one first, then the private one, then the old one goes', () => {
  const machine = new Machine();
  const next = generateIdentityKey(machine.platform);
  const errors: string[] = [];
  let inFile = SHOP.privateKey;
  const both = { publicKeys: { ...TWO.publicKeys, shop: [SHOP.publicKey, next.publicKey] } };
  const shop = identitiesOf('shop', machine, {
    ...both,
    privateKey: firstOf({ find: () => inFile, place: () => 'a file' }).get('identity-key'),
    onError: (error) => errors.push((error as Error).message),
  });
  const money = identitiesOf('money', machine, both);
  const later = identitiesOf('money', machine, { publicKeys: { ...TWO.publicKeys, shop: [next.publicKey] } });
  const call = (at = money) => refusal(() => at.verify(shop.sign(ANNA, 'orders', 'payments'), 'payments'));
  expect(call()).toBe('let in');
  inFile = next.privateKey;
  for (let i = 0; i < 60; i++) {
    machine.pass(1_000);
    expect(call()).toBe('let in');
  }
  expect(call(later)).toBe('let in');
  // An unknown key and a half-written one are not used.
  for (const [text, why] of [
    [STRANGER.privateKey, /belongs to none of its public keys/],
    [next.privateKey.slice(0, 60), /cannot be used: it is not a private Ed25519 key/],
    ['', /missing or empty/],
  ] as const) {
    inFile = text;
    errors.length = 0;
    for (let i = 0; i < 120; i++) {
      machine.pass(1_000);
      expect(call(later)).toBe('let in');
    }
    expect(errors).toEqual([expect.stringMatching(why)]);
  }
  inFile = next.privateKey;
  machine.pass(30_000);
  expect(call(later)).toBe('let in');
});

test('a token is verified again when the clock requires it, and a token of the old clock is signed again', () => {
  const [here, there] = [new Machine(), new Machine()];
  const [shop, money] = [identitiesOf('shop', here), identitiesOf('money', there)];
  const call = () => refusal(() => money.verify(shop.sign(ANNA, 'orders', 'payments'), 'payments'));
  expect(call()).toBe('let in');
  // Both are set forward by an hour: the token in the signer's cache would be an hour too old.
  here.wallMs += 3_600_000;
  there.wallMs += 3_600_000;
  expect(call()).toBe('let in');
  expect(here.signed).toBe(2);
  here.wallMs -= 7_200_000;
  there.wallMs -= 7_200_000;
  expect(call()).toBe('let in');
  expect(here.signed).toBe(3);
});

test('a key made here is the one that others would make of the same bytes', () => {
  const machine = new Machine();
  // RFC 8032, section 7.1, test 1.
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  const { privateKey, publicKey } = generateIdentityKey({ ...machine.platform, random: { next: () => 0, bytes: () => seed } });
  const signer = machine.platform.signatures.signer(privateKey);
  expect(Buffer.from(signer.publicKey, 'base64url').toString('hex')).toBe(
    'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a',
  );
  expect(Buffer.from(signer.sign('')).toString('hex')).toBe(
    'e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b',
  );
  expect(machine.platform.signatures.verifier(publicKey).publicKey).toBe(signer.publicKey);
});
