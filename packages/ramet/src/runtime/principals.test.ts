import { join } from 'node:path';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { embedded } from '../bus/embedded/index.ts';
import { command, contract, event } from '../contract/index.ts';
import { expose, gateway } from '../gateway/index.ts';
import { type Issuer, newKey, startIssuer, tokenOf } from '../gateway/tokens/issuer.fixture.ts';
import { use } from '../rpc/index.ts';
import { saga } from '../saga/index.ts';
import { type Caller, principalOf } from '../security/index.ts';
import { service } from '../service/index.ts';
import { sqlite } from '../store/sqlite/index.ts';
import { hosted } from './fixtures/driving.fixture.ts';
import { eventually, temporaryFolder } from './fixtures/start.fixture.ts';
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

test('what a subject of an issuer causes is done for that subject of that issuer: steps, undos, reactions and sent commands, over many hops', async () => {
  using folder = temporaryFolder();
  await using first = await startIssuer([key.jwk]);
  await using second = await startIssuer([key.jwk]);
  const Ref = z.object({ id: z.string() });
  const Errands = contract('errands', {
    commands: {
      ask: command({ input: Ref, http: 'POST /ask' }),
      book: command({ input: Ref }),
      free: command({ input: Ref }),
      remind: command({ input: Ref }),
    },
    events: { Asked: event(Ref, { key: 'id' }), Freed: event(Ref, { key: 'id' }) },
  });
  const seen: string[] = [];
  const see = (what: string, { id }: { id: string }, { caller }: { caller: Caller }) =>
    void seen.push(`${id}: ${what} for ${caller.initiator} of ${caller.initiatorIssuer}`);
  const errand = saga('errand', {
    input: Ref,
    key: 'id',
    uses: { errands: use(Errands) },
    async run({ id }, { use, step }) {
      await step('book', use.errands.book({ id }), { undo: use.errands.free({ id }) });
      throw new Error('no');
    },
  });
  const errands = service(Errands).implement({
    sagas: [errand],
    commands: {
      ask(input, ctx) {
        ctx.start(errand, input);
        ctx.emit.Asked(input);
      },
      book: (input, ctx) => see('book', input, ctx),
      free(input, ctx) {
        see('free', input, ctx);
        ctx.emit.Freed(input);
      },
      remind: (input, ctx) => see('remind', input, ctx),
    },
    reactions: (on) => [
      on(Errands.events.Asked, (input, ctx) => {
        see('asked', input, ctx);
        ctx.send(Errands.commands.remind, input);
      }),
      on(Errands.events.Freed, (input, ctx) => see('freed', input, ctx)),
    ],
  });
  const edge = (issuer: string, { address }: Issuer) =>
    gateway(issuer, {
      authenticate: { issuer, audience: 'web', keys: address },
      routes: [expose(Errands, { operations: { ask: { access: 'authenticated' } } })],
    });
  const runtime = await start(
    topology({
      services: { errands },
      gateways: { idp: edge('idp', first), other: edge('other', second) },
      profiles: { monolith: { store: sqlite(join(folder.path, 'data')), bus: embedded() } },
    }),
    { ports: { idp: 0, other: 0 }, logLevel: 'silent' },
  );
  try {
    for (const iss of ['idp', 'other'] as const) {
      const authorization = `Bearer ${tokenOf(key, Date.now(), { sub: 'ada', iss })}`;
      const answer = await fetch(`http://127.0.0.1:${runtime.ports[iss]}/ask`, {
        method: 'POST',
        headers: { 'content-type': 'application/json', authorization },
        body: JSON.stringify({ id: iss }),
      });
      expect(answer.ok).toBe(true);
    }
    await eventually(() => seen.length >= 10);
    const each = ['asked', 'book', 'free', 'freed', 'remind'];
    expect(seen.toSorted()).toEqual(['idp', 'other'].flatMap((iss) => each.map((what) => `${iss}: ${what} for ada of ${iss}`)));
  } finally {
    await runtime.stop();
  }
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
