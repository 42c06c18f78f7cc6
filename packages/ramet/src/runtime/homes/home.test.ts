import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { RametError } from '../../errors/index.ts';
import type { StoreFactory } from '../../store/index.ts';
import { eventually, temporaryFolder } from '../fixtures/start.fixture.ts';
import { Audit, Orders, Payments, startTrade, type Trade } from './trade.fixture.ts';

/* One service of a process stops and starts while the others run. */

const ROUNDS = 10;
/** A saga that is not ended at a step holds a stop up for longer. */
const STOP_MAX_MS = 9_000;

const home = ({ runtime }: Trade, name = 'payments') => runtime.homes.get(name) as NonNullable<ReturnType<typeof runtime.homes.get>>;

const failureOf = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error: unknown) => error as RametError,
  );

/** Places orders and asks the payments, one after another with each of four clients, until it ends. */
function load({ runtime }: Trade) {
  const placed: string[] = [];
  const refusals: RametError[] = [];
  let ended = false;
  const client = async (name: number) => {
    for (let n = 0; !ended; n++) {
      const orderId = `order-${name}-${n}`;
      await runtime.client(Orders).place({ orderId }, { key: orderId });
      placed.push(orderId);
      const refused = await failureOf(runtime.client(Payments).sums({}));
      if (refused) refusals.push(refused);
      await pause(2);
    }
  };
  const clients = Promise.all([0, 1, 2, 3].map(client));
  return {
    placed,
    refusals,
    async end() {
      ended = true;
      await clients;
    },
  };
}

const onceEach = (count: number) => Array.from({ length: count }, () => 1);

/** Waits until every order is complete in every service, and compares the books. */
async function expectComplete({ runtime, provider }: Trade, orders: number): Promise<void> {
  const recorded = ['heard', 'heard in order', 'seen', 'settled', 'charged', 'noted'];
  await eventually(
    async () => (await runtime.client(Orders).confirmed({})).orders.length,
    (confirmed) => confirmed === orders,
    90_000,
  );
  const missing = async () => {
    const sums = await runtime.client(Payments).sums({});
    return recorded.filter((what) => sums[what]?.length !== orders);
  };
  await eventually(missing, (left) => left.length === 0, 90_000);
  const sums = await runtime.client(Payments).sums({});
  for (const what of recorded) expect([what, sums[what]]).toEqual([what, onceEach(orders)]);
  expect(sums).not.toHaveProperty('refunded');
  expect([...provider.values()]).toEqual(onceEach(orders));
  expect((await runtime.client(Audit).times({})).times).toEqual(onceEach(orders));
}

test('a service of a running monolith stops and starts ten times under load, and no effect is lost or doubled', async () => {
  using folder = temporaryFolder();
  await using trade = await startTrade(folder.path);
  const { runtime, provider } = trade;
  const clients = load(trade);
  for (let round = 1; round <= ROUNDS; round++) {
    const before = provider.size;
    await eventually(() => provider.size >= before + 5, Boolean, 30_000);
    const stoppedAt = performance.now();
    await home(trade).stop();
    expect(performance.now() - stoppedAt).toBeLessThan(STOP_MAX_MS);
    const asked = [...provider.values()];
    const { length } = clients.placed;
    expect(await failureOf(runtime.client(Payments).sums({}))).toMatchObject({ code: 'Unavailable', executed: 'no' });
    await eventually(() => clients.placed.length >= length + 5, Boolean, 30_000);
    expect([...provider.values()]).toEqual(asked);
    await home(trade).start();
  }
  await clients.end();
  await expectComplete(trade, clients.placed.length);
  expect(clients.refusals.length).toBeGreaterThan(0);
  for (const refusal of clients.refusals) expect(refusal).toMatchObject({ code: 'Unavailable', executed: 'no' });
}, 300_000);

test('a quiesced service answers calls and begins nothing; what calls store meanwhile is done after the next start', async () => {
  using folder = temporaryFolder();
  await using trade = await startTrade(folder.path);
  const { runtime, provider } = trade;
  await runtime.client(Orders).place({ orderId: 'before' }, { key: 'before' });
  await expectComplete(trade, 1);
  await home(trade).quiesce();
  expect(home(trade).state).toBe('quiesced');
  await runtime.client(Orders).place({ orderId: 'meanwhile' }, { key: 'meanwhile' });
  // Its own intent is stored, and waits.
  expect(await failureOf(runtime.client(Payments).charge({ orderId: 'asked' }))).toMatchObject({
    code: 'ShuttingDown',
    executed: 'unknown',
  });
  expect((await runtime.client(Payments).sums({}))['heard']).toEqual([1]);
  expect(provider.size).toBe(1);
  await home(trade).start();
  await eventually(() => provider.size === 3);
  await eventually(async () => (await runtime.client(Payments).sums({}))['settled']?.length === 2);
  await home(trade).quiesce();
  await home(trade).stop();
  expect(home(trade).state).toBe('stopped');
}, 60_000);

test('what shows a service comes and goes with it: health, gauges, routes, operators and the directory', async () => {
  using folder = temporaryFolder();
  await using trade = await startTrade(folder.path, undefined, { admin: { port: 0, tokenFile: `${folder.path}/token` } });
  const { runtime } = trade;
  const shown = async () => ({
    checks: Object.keys((await runtime.health.health()).body.checks)
      .filter((name) => name.includes('payments'))
      .sort(),
    services: [...runtime.services.keys()].sort(),
    state: home(trade).state,
  });
  const running = {
    checks: ['database:payments', 'subscription:payments.strict'],
    services: ['audit', 'orders', 'payments'],
    state: 'running',
  };
  expect(await shown()).toEqual(running);
  await home(trade).stop();
  expect(await shown()).toEqual({ checks: ['service:payments'], services: ['audit', 'orders'], state: 'stopped' });
  expect((await runtime.health.health()).status).toBe(503);
  expect((await runtime.health.ready()).status).toBe(200);
  await Promise.all([home(trade).start(), home(trade).start()]);
  expect(await shown()).toEqual(running);
  expect((await runtime.health.health()).status).toBe(200);
});

test('ten stops and starts leave no timer, no gauge and no open file behind', async () => {
  using folder = temporaryFolder();
  await using trade = await startTrade(folder.path, undefined, { probesPort: 0 });
  const { runtime, timers } = trade;
  const gauges = async () => {
    // A connection that is kept would count among the open files.
    const answer = await fetch(`http://127.0.0.1:${runtime.probesPort}/metrics`, { headers: { connection: 'close' } });
    return (await answer.text()).split('\n').filter((line) => /^(payments_charged|ramet_event_lag|ramet_subscriptions_halted)/.test(line));
  };
  const files = () => (existsSync('/proc/self/fd') ? readdirSync('/proc/self/fd').length : 0);
  await home(trade).stop();
  await home(trade).start();
  const before = { gauges: (await gauges()).length, files: files(), timers: timers() };
  for (let round = 1; round <= ROUNDS; round++) {
    await home(trade).stop();
    await home(trade).start();
  }
  expect(await gauges()).toHaveLength(before.gauges);
  // A leak adds at least one in each round. A loop that is at work has no timer, and a connection may still be closing.
  await eventually(timers, (now) => now < before.timers + ROUNDS / 2);
  await eventually(files, (now) => now < before.files + ROUNDS / 2);
}, 60_000);

test('a store that cannot be opened keeps one service down: the process continues, reports it, and starts it later', async () => {
  using folder = temporaryFolder();
  let broken = false;
  const breaking = (stores: StoreFactory): StoreFactory => ({
    ...stores,
    async open(service, environment) {
      if (broken && service === 'payments') throw new RametError('StoreUnwritable', 'the disk is gone');
      return stores.open(service, environment);
    },
  });
  await using trade = await startTrade(folder.path, breaking);
  const { runtime } = trade;
  const clients = load(trade);
  await eventually(() => clients.placed.length > 5);
  await home(trade).stop();
  broken = true;
  await expect(home(trade).start()).rejects.toMatchObject({ code: 'BootFailed', message: expect.stringContaining('the disk is gone') });
  expect(home(trade).state).toBe('stopped');
  const { body } = await runtime.health.health();
  expect(body.checks).toMatchObject({ 'service:payments': 'unhealthy', 'database:orders': 'healthy' });
  expect(trade.lines.join('')).toContain('service_start_failed');
  expect(await failureOf(runtime.client(Payments).sums({}))).toMatchObject({ code: 'Unavailable', executed: 'no' });
  const { length } = clients.placed;
  await eventually(() => clients.placed.length > length + 5);
  broken = false;
  await home(trade).start();
  await clients.end();
  await expectComplete(trade, clients.placed.length);
}, 120_000);

test('a process that stops meanwhile ends in order, whatever change of a service is under way', async () => {
  for (const change of ['stop', 'start', 'quiesce'] as const) {
    using folder = temporaryFolder();
    const trade = await startTrade(folder.path);
    await trade.runtime.client(Orders).place({ orderId: 'one' }, { key: 'one' });
    if (change === 'start') await home(trade).stop();
    const changing = failureOf(home(trade)[change]());
    await trade.runtime.stop();
    await changing;
    expect(await failureOf(home(trade).start())).toMatchObject({ code: 'ShuttingDown' });
  }
}, 60_000);

test('callers of a stopped service learn its state, and a client that is kept after the end of the process runs no handler', async () => {
  using folder = temporaryFolder();
  const trade = await startTrade(folder.path);
  const { runtime } = trade;
  const payments = runtime.client(Payments);
  const orders = runtime.client(Orders);
  await home(trade).stop();
  expect(await failureOf(payments.sums({}))).toMatchObject({
    code: 'Unavailable',
    executed: 'no',
    message: expect.stringContaining("service 'payments' is stopped"),
  });
  await runtime.stop();
  const calls = [() => payments.sums({}), () => orders.confirmed({}), () => orders.confirm({ orderId: 'late' })];
  for (const call of calls) expect(await failureOf(call())).toMatchObject({ code: 'ShuttingDown', executed: 'no' });
});

test('operators see that a service is stopped, instead of lists without its items', async () => {
  using folder = temporaryFolder();
  const tokenFile = `${folder.path}/token`;
  await using trade = await startTrade(folder.path, undefined, { admin: { port: 0, tokenFile } });
  const { runtime } = trade;
  const ask = async (path: string, body?: object) => {
    const headers = { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`, 'content-type': 'application/json' };
    const request = body ? { method: 'POST', headers, body: JSON.stringify(body) } : { headers };
    const response = await fetch(`http://127.0.0.1:${runtime.adminPort}${path}`, request);
    return { status: response.status, body: (await response.json()) as any };
  };
  expect(await ask('/sagas/saga_none')).toMatchObject({ status: 404 });
  await home(trade).stop();
  const unanswered = [{ service: 'payments', why: "service 'payments' is stopped" }];
  for (const path of ['/sagas', '/services', '/schedules', '/dead-letters']) expect((await ask(path)).body).toMatchObject({ unanswered });
  const unavailable = { status: 503, body: { code: 'Unavailable', detail: expect.stringContaining("service 'payments' is stopped") } };
  expect(await ask('/sagas/saga_none')).toMatchObject(unavailable);
  expect(await ask('/call', { service: 'payments', operation: 'sums' })).toMatchObject(unavailable);
  await home(trade).start();
  expect((await ask('/sagas')).body).not.toHaveProperty('unanswered');
  expect(await ask('/sagas/saga_none')).toMatchObject({ status: 404 });
});
