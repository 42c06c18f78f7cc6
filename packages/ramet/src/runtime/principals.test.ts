import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract } from '../contract/index.ts';
import { expose, gateway } from '../gateway/index.ts';
import { type Issuer, newKey, startIssuer, tokenOf } from '../gateway/issuer.fixture.ts';
import { type Caller, principalOf } from '../security/index.ts';
import { service } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { hosted } from './fixtures/attack.fixture.ts';
import { temporaryFolder } from './fixtures/start.fixture.ts';
import { start } from './runtime.ts';
import { topology } from './topology.ts';

/* To whom the answer under an idempotency key belongs, over the wire: effects are counted, not only answers. */

const Desk = contract('desk', {
  commands: {
    put: command({ input: z.object({ text: z.string() }), output: z.object({ nr: z.int() }), http: { route: 'POST /put', status: 201 } }),
  },
});
const key = newKey('k1');

async function desk(folder: string, issuers: readonly [Issuer, Issuer]) {
  let effects = 0;
  const callers: Caller[] = [];
  const put = (_: unknown, { caller }: { caller: Caller }) => {
    callers.push(caller);
    return { nr: ++effects };
  };
  const edge = (name: string, issuer: string, keys: string) =>
    gateway(name, {
      authenticate: { issuer, audience: 'web', keys },
      trustedProxies: ['127.0.0.1'],
      routes: [
        expose(Desk, { prefix: '/mine', operations: { put: { access: 'authenticated' } } }),
        expose(Desk, { prefix: '/open', operations: { put: { access: 'public' } } }),
      ],
    });
  const runtime = await start(
    topology({
      services: { desk: async () => ({ default: service(Desk).implement({ commands: { put } }) }) },
      gateways: { one: edge('one', 'idp', issuers[0].address), two: edge('two', 'other', issuers[1].address) },
      profiles: { monolith: { store: sqlite(join(folder, 'data')), bus: embedded() } },
    }),
    { ports: { one: 0, two: 0 }, logLevel: 'silent' },
  );
  const post = async (at: 'one' | 'two', path: string, headers: Record<string, string>, text = 'x') => {
    const response = await fetch(`http://127.0.0.1:${runtime.ports[at]}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify({ text }),
    });
    return [response.status, ((await response.json()) as { nr?: number; code?: string }).nr ?? 'refused'];
  };
  return {
    callers,
    effects: () => effects,
    store: () => hosted({ runtime } as never, 'desk').store,
    user: (at: 'one' | 'two', sub: string, idempotencyKey: string, text?: string) => {
      const token = tokenOf(key, Date.now(), { sub, iss: at === 'one' ? 'idp' : 'other' });
      return post(at, '/mine/put', { authorization: `Bearer ${token}`, 'idempotency-key': idempotencyKey }, text);
    },
    anonymous: (address: string, idempotencyKey: string, text?: string) =>
      post('one', '/open/put', { 'x-forwarded-for': address, 'idempotency-key': idempotencyKey }, text),
    [Symbol.asyncDispose]: () => runtime.stop(),
  };
}

test('the same subject of two issuers is two callers, each with answers of its own', async () => {
  using folder = temporaryFolder();
  await using first = await startIssuer([key.jwk]);
  await using second = await startIssuer([key.jwk]);
  await using d = await desk(folder.path, [first, second]);
  expect(await d.user('one', 'ada', 'k')).toEqual([201, 1]);
  expect(await d.user('two', 'ada', 'k')).toEqual([201, 2]);
  expect(await d.user('one', 'ada', 'k')).toEqual([201, 1]);
  expect(await d.user('two', 'ada', 'k')).toEqual([201, 2]);
  expect(await d.user('two', 'ada', 'k', 'y')).toEqual([422, 'refused']);
  expect(d.effects()).toBe(2);
  expect(d.callers.map(({ subject, issuer }) => `${subject} of ${issuer}`)).toEqual(['ada of idp', 'ada of other']);
  expect(new Set(d.callers.map(principalOf)).size).toBe(2);
});

test('no text of a subject or an issuer makes two callers one', () => {
  const texts = ['', 'a', '1:a', 'a:b', ':', '@', '1:a:', 'user'];
  const callers = texts.flatMap((subject) =>
    [undefined, ...texts].flatMap((issuer) =>
      (['user', 'service'] as const).map((kind): Caller => ({ kind, subject, scopes: [], ...(issuer === undefined ? {} : { issuer }) })),
    ),
  );
  expect(new Set(callers.map(principalOf)).size).toBe(callers.length);
});

test('an anonymous client gets its own answer again; another one with its key is refused, and nothing runs twice', async () => {
  using folder = temporaryFolder();
  await using issuer = await startIssuer([key.jwk]);
  await using d = await desk(folder.path, [issuer, issuer]);
  expect(await d.anonymous('192.0.2.1', 'k')).toEqual([201, 1]);
  expect(await d.anonymous('192.0.2.1', 'k')).toEqual([201, 1]);
  expect(await d.anonymous('192.0.2.2', 'k')).toEqual([422, 'refused']);
  expect(await d.anonymous('192.0.2.2', 'another')).toEqual([201, 2]);
  // One customer has a whole /64.
  expect(await d.anonymous('2001:db8::1', 'k6')).toEqual([201, 3]);
  expect(await d.anonymous('2001:db8::2', 'k6')).toEqual([201, 3]);
  expect(await d.anonymous('2001:db8:0:1::1', 'k6')).toEqual([422, 'refused']);
  expect(d.effects()).toBe(3);
  expect(JSON.stringify(d.callers)).not.toContain('192.0.2');
});

test('a key that was used before callers had issuers is refused: it is neither run again nor answered', async () => {
  using folder = temporaryFolder();
  await using issuer = await startIssuer([key.jwk]);
  await using d = await desk(folder.path, [issuer, issuer]);
  await d.store().write(async (tx) => {
    for (const principal of ['user:ada', 'anonymous:'])
      await tx.run(
        "insert into ramet_requests (operation, principal, key, body_hash, answer, at) values ('desk.put', ?, 'old', 'hash', ?, ramet_now())",
        principal,
        '{"ok":true,"value":{"nr":77}}',
      );
  });
  expect(await d.user('one', 'ada', 'old')).toEqual([422, 'refused']);
  expect(await d.anonymous('192.0.2.1', 'old')).toEqual([422, 'refused']);
  expect(d.effects()).toBe(0);
  expect(await d.user('one', 'bob', 'old')).toEqual([201, 1]);
});
