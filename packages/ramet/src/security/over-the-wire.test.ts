import { afterEach, beforeEach, expect, test } from 'vitest';
import type { CallMeta, Reply } from '../rpc/index.ts';
import { answering, META, Site } from '../rpc/mux/mux.fixture.ts';
import { ANNA, MONEY, SHOP, STRANGER, TWO } from './identities.fixture.ts';
import { createIdentities, generateIdentityKey, type IdentityOptions } from './index.ts';

/** `money` answers for payments and ledger on a real socket; `shop`, or a process that claims to be it, calls. */
let site: Site;
let seen: CallMeta[];
let refused: string[];

beforeEach(async () => {
  site = new Site();
  seen = [];
  refused = [];
  const identities = createIdentities(site.platform, {
    process: 'money',
    privateKey: MONEY.privateKey,
    ...TWO,
    onRefused: (error) => refused.push((error as Error).name),
  });
  const dispatcher = answering((input, meta) => {
    seen.push(meta);
    return input;
  });
  const hosted = new Map([
    ['payments', dispatcher],
    ['ledger', dispatcher],
  ]);
  const server = await site.process('money', { identities }).listen(hosted, { host: '127.0.0.1', port: 0 });
  site.servers.push(server);
  site.addresses = [{ id: 'money-1', host: '127.0.0.1', port: server.port }];
});

afterEach(() => site.close());

function call(from: string, to: string, more: Partial<IdentityOptions> = {}): Promise<Reply> {
  const identities = createIdentities(site.platform, { process: 'shop', privateKey: SHOP.privateKey, ...TWO, ...more });
  const transport = site.process('shop', { identities }).from(from);
  return transport.call({ service: to, operation: 'charge' }, 7, { ...META, caller: ANNA }, { signal: new AbortController().signal });
}

test('a declared call arrives with the caller that was signed', async () => {
  expect(await call('orders', 'payments')).toEqual({ ok: true, value: 7 });
  expect(seen.map(({ caller }) => caller)).toEqual([ANNA]);
});

test('an undeclared call comes back as Forbidden, before any handler saw it', async () => {
  expect(await call('orders', 'ledger')).toMatchObject({
    kind: 'fault',
    code: 'Forbidden',
    executed: 'no',
    detail: expect.stringContaining("add it to 'uses'"),
  });
  expect(await call('web', 'payments')).toMatchObject({ kind: 'fault', code: 'Forbidden', executed: 'no' });
  expect([seen, refused]).toEqual([[], ['Forbidden']]);
});

test('what the caller believes of the graph does not count', async () => {
  const graph = { ...TWO.graph, web: ['orders', 'payments'] };
  expect(await call('web', 'payments', { graph })).toMatchObject({ code: 'Forbidden' });
});

test('a process with an unknown key is refused everywhere', async () => {
  const publicKeys = { ...TWO.publicKeys, shop: [STRANGER.publicKey] };
  expect(await call('orders', 'payments', { privateKey: STRANGER.privateKey, publicKeys })).toMatchObject({
    code: 'Unauthenticated',
    executed: 'no',
  });
  expect(seen).toEqual([]);
});

test('a process that says it hosts what another one hosts gets nowhere', async () => {
  const hosts = { shop: ['payments', 'orders'], money: ['ledger'] };
  expect(await call('payments', 'ledger', { hosts })).toMatchObject({
    code: 'Unauthenticated',
    detail: expect.stringContaining("process 'shop' does not host 'payments'"),
  });
});

test('a call in the name of a service of another process is refused before it leaves', async () => {
  expect(await call('payments', 'ledger')).toMatchObject({ code: 'Unauthenticated', executed: 'no' });
  expect(refused).toEqual([]);
});

test('a key is replaced during calls, and none of them fails', async () => {
  const next = generateIdentityKey(site.platform);
  const publicKeys = { ...TWO.publicKeys, shop: [SHOP.publicKey, next.publicKey] };
  const money = createIdentities(site.platform, { process: 'money', privateKey: MONEY.privateKey, ...TWO, publicKeys });
  const server = await site.process('money', { identities: money }).listen(new Map([['payments', answering((input) => input)]]), {
    host: '127.0.0.1',
    port: 0,
  });
  site.servers.push(server);
  site.addresses = [{ id: 'money-2', host: '127.0.0.1', port: server.port }];
  for (const { privateKey } of [SHOP, next])
    expect(await call('orders', 'payments', { publicKeys, privateKey })).toEqual({ ok: true, value: 7 });
});
