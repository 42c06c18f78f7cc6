import { mkdtempSync, rmSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { behaviourOf, isCardNumber } from './cards.ts';
import { createProvider, type ProviderClock } from './server.ts';

const card = {
  pays: '4242424242424242',
  declined: '4000000000000002',
  insufficientFunds: '4000000000009995',
  chargesAndDrops: '4000000000000119',
  chargesAndAnswersLate: '4000000000000259',
  drops: '4000000000000341',
  unavailable: '4000000000000432',
  noPartialRefunds: '4000000000005126',
};

interface Call {
  method?: string;
  key?: string;
  body?: unknown;
}

let dataDir: string;
let provider: Awaited<ReturnType<typeof createProvider>>;

beforeEach(async () => {
  dataDir = mkdtempSync(join(tmpdir(), 'provider-'));
  provider = await createProvider({ dataDir, port: 0 });
});

afterEach(async () => {
  await provider.close();
  rmSync(dataDir, { recursive: true });
});

async function restart(clock?: ProviderClock) {
  await provider.close();
  provider = await createProvider({ dataDir, port: 0, ...(clock && { clock }) });
}

async function call(path: string, { method, key, body }: Call = {}): Promise<{ status: number; body: any }> {
  const response = await fetch(`http://127.0.0.1:${provider.port}${path}`, {
    method: method ?? (body === undefined && key === undefined ? 'GET' : 'POST'),
    headers: key === undefined ? {} : { 'idempotency-key': key },
    ...(body !== undefined && { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
  return { status: response.status, body: await response.json() };
}

async function tokenFor(number: string): Promise<string> {
  return (await call('/tokens', { body: { number } })).body.token;
}

async function chargeOn(number: string, reference = 'order-1', amount = 1999) {
  return { token: await tokenFor(number), amount, reference };
}

const charges = async (query = '') => (await call(`/charges${query}`)).body.items;

test('every test card passes the check of card numbers', () => {
  for (const number of Object.values(card)) expect(isCardNumber(number)).toBe(true);
});

test('a valid number that is not a test card pays', () => {
  expect(isCardNumber('5555555555554444')).toBe(true);
  expect(behaviourOf('5555555555554444')).toEqual({ kind: 'pays' });
});

test('a card number with a wrong check digit, length or type is refused', async () => {
  for (const number of ['4242424242424241', '42', '00000000000000000000', '4242 4242 4242 4242', '', 4242424242424242, null, undefined]) {
    expect(await call('/tokens', { body: { number } })).toEqual({ status: 422, body: { error: 'invalid_number', field: 'number' } });
  }
});

test('a token does not show the card number and is new each time without a key', async () => {
  const first = await call('/tokens', { body: { number: card.pays } });
  expect(first).toEqual({ status: 201, body: { token: expect.stringMatching(/^tok_[0-9a-f]{32}$/) } });
  expect(await tokenFor(card.pays)).not.toBe(first.body.token);
});

test('a key gives the same token again, and refuses another number', async () => {
  const first = await call('/tokens', { key: 'k', body: { number: card.pays } });
  expect(await call('/tokens', { key: 'k', body: { number: card.pays } })).toEqual({ status: 200, body: first.body });
  const other = await call('/tokens', { key: 'k', body: { number: card.declined } });
  expect(other).toEqual({ status: 422, body: { error: 'idempotency_mismatch' } });
});

test('a good card is charged once per key, and a repeat gets the stored answer', async () => {
  const body = await chargeOn(card.pays);
  const first = await call('/charges', { key: 'k', body });
  expect(first).toEqual({
    status: 201,
    body: { chargeId: expect.stringMatching(/^ch_/), reference: 'order-1', amount: 1999, status: 'captured' },
  });
  expect(await call('/charges', { key: 'k', body })).toEqual(first);
  expect(await charges()).toEqual([first.body]);
});

test('a key refuses another body', async () => {
  const body = await chargeOn(card.pays);
  await call('/charges', { key: 'k', body });
  const other = await call('/charges', { key: 'k', body: { ...body, amount: 2000 } });
  expect(other).toEqual({ status: 422, body: { error: 'idempotency_mismatch' } });
  expect(await charges()).toHaveLength(1);
});

test('many concurrent requests with one key charge once', async () => {
  const body = await chargeOn(card.pays);
  const answers = await Promise.all(Array.from({ length: 30 }, () => call('/charges', { key: 'k', body })));
  expect(new Set(answers.map((answer) => JSON.stringify(answer))).size).toBe(1);
  expect(await charges()).toHaveLength(1);
});

test.each([
  ['card_declined', card.declined],
  ['insufficient_funds', card.insufficientFunds],
])('a card is declined with %s, and the declined charge is on record', async (reason, number) => {
  const body = await chargeOn(number);
  const answer = await call('/charges', { key: 'k', body });
  const chargeId = answer.body.chargeId;
  expect(answer).toEqual({ status: 402, body: { error: 'declined', reason, chargeId, status: 'declined' } });
  expect(await call('/charges', { key: 'k', body })).toEqual(answer);
  expect(await charges()).toEqual([{ chargeId, reference: 'order-1', amount: 1999, status: 'declined', reason }]);
  const refund = await call(`/charges/${chargeId}/refunds`, { key: 'r', body: {} });
  expect(refund).toEqual({ status: 409, body: { error: 'not_captured' } });
});

test('a card may charge without an answer, and the repeat gets it', async () => {
  const body = await chargeOn(card.chargesAndDrops);
  await expect(call('/charges', { key: 'k', body })).rejects.toThrow();
  const byKey = await call('/charges/by-key/k');
  expect(byKey.body.status).toBe('captured');
  expect(await call('/charges', { key: 'k', body })).toEqual({ status: 201, body: byKey.body });
  expect(await charges()).toHaveLength(1);
});

test('a card may charge at once and answer late, while a repeat is answered at once', async () => {
  const wakeUp = Promise.withResolvers<void>();
  const asleep = Promise.withResolvers<number>();
  const sleep = (ms: number) => {
    asleep.resolve(ms);
    return wakeUp.promise;
  };
  await restart({ now: () => 0, sleep });
  const body = await chargeOn(card.chargesAndAnswersLate);
  const slow = call('/charges', { key: 'k', body });
  expect(await asleep.promise).toBe(5_000);
  const repeat = await call('/charges', { key: 'k', body });
  expect(repeat.status).toBe(201);
  wakeUp.resolve();
  expect(await slow).toEqual(repeat);
  expect(await charges()).toHaveLength(1);
});

test('a provider that closes gives a late answer at once', async () => {
  const body = await chargeOn(card.chargesAndAnswersLate);
  const slow = call('/charges', { key: 'k', body });
  await expect.poll(async () => (await charges()).length, { timeout: 4_000 }).toBe(1);
  await restart();
  expect((await slow).status).toBe(201);
});

test('a card may drop every connection without a charge', async () => {
  const body = await chargeOn(card.drops);
  for (let attempt = 0; attempt < 3; attempt++) await expect(call('/charges', { key: 'k', body })).rejects.toThrow();
  expect(await charges()).toEqual([]);
  expect(await call('/charges/by-key/k')).toEqual({ status: 404, body: { error: 'not_found' } });
});

test('a card may be unavailable for two attempts of a key, counted over a restart', async () => {
  const body = await chargeOn(card.unavailable);
  expect((await call('/charges', { key: 'k', body })).status).toBe(503);
  await restart();
  expect((await call('/charges', { key: 'k', body })).status).toBe(503);
  expect(await charges()).toEqual([]);
  expect((await call('/charges', { key: 'k', body })).status).toBe(201);
  expect((await call('/charges', { key: 'another', body })).status).toBe(503);
});

test('charges are found by reference and by key, whatever characters these have', async () => {
  const key = 'order/7?x=1&y= %2F#';
  const body = await chargeOn(card.pays, 'Bestellung ü/7 & 8');
  const { body: charge } = await call('/charges', { key, body });
  await call('/charges', { key: 'other', body: await chargeOn(card.pays, 'other') });
  expect(await charges(`?reference=${encodeURIComponent('Bestellung ü/7 & 8')}`)).toEqual([charge]);
  expect(await charges('?reference=')).toEqual([]);
  expect(await call(`/charges/by-key/${encodeURIComponent(key)}`)).toEqual({ status: 200, body: charge });
});

test('a whole charge is refunded once, and a repeat gets the stored answer', async () => {
  const body = await chargeOn(card.pays);
  const { body: charge } = await call('/charges', { key: 'k', body });
  const refund = await call(`/charges/${charge.chargeId}/refunds`, { key: 'r' });
  const refundId = refund.body.refundId;
  expect(refund).toEqual({ status: 201, body: { refundId, chargeId: charge.chargeId, status: 'refunded' } });
  expect(await call(`/charges/${charge.chargeId}/refunds`, { key: 'r', body: {} })).toEqual(refund);
  const second = await call(`/charges/${charge.chargeId}/refunds`, { key: 'r2', body: {} });
  expect(second).toEqual({ status: 409, body: { error: 'already_refunded', refundId } });
  expect(await charges()).toEqual([{ ...charge, status: 'refunded' }]);
  const item = { refundId, chargeId: charge.chargeId, amount: 1999, status: 'refunded' };
  expect((await call('/refunds')).body.items).toEqual([item]);
  expect(await call('/refunds/by-key/r')).toEqual({ status: 200, body: item });
  expect((await call('/refunds/by-key/r2')).status).toBe(404);
  expect(await call('/charges', { key: 'k', body })).toEqual({ status: 201, body: charge });
});

test('a charge is refunded in parts until nothing of it is left', async () => {
  const { body: charge } = await call('/charges', { key: 'k', body: await chargeOn(card.pays) });
  const refund = (key: string, amount?: number) => call(`/charges/${charge.chargeId}/refunds`, { key, body: { amount } });
  const first = await refund('r1', 500);
  expect(first).toMatchObject({ status: 201, body: { status: 'refunded' } });
  expect(await refund('r1', 500)).toEqual(first);
  expect(await charges()).toEqual([{ ...charge, refunded: 500 }]);
  expect(await refund('r2', 1500)).toEqual({ status: 422, body: { error: 'invalid_amount', field: 'amount' } });
  expect((await refund('r3', 1000)).status).toBe(201);
  await restart();
  expect((await call('/charges/by-key/k')).body).toEqual({ ...charge, refunded: 1500 });
  const rest = await refund('r4');
  expect(rest.status).toBe(201);
  expect(await charges()).toEqual([{ ...charge, status: 'refunded' }]);
  expect(await refund('r5', 1)).toEqual({ status: 409, body: { error: 'already_refunded', refundId: rest.body.refundId } });
  expect((await call('/refunds')).body.items.map(({ amount }: { amount: number }) => amount)).toEqual([500, 1000, 499]);
});

test('a card may take nothing back in part, but the whole', async () => {
  const { body: charge } = await call('/charges', { key: 'k', body: await chargeOn(card.noPartialRefunds) });
  const refund = (key: string, amount: number) => call(`/charges/${charge.chargeId}/refunds`, { key, body: { amount } });
  expect(await refund('r1', 500)).toEqual({ status: 422, body: { error: 'no_partial_refunds' } });
  expect(await charges()).toEqual([charge]);
  expect((await refund('r2', 1999)).status).toBe(201);
});

test('books from before refunds in parts are taken over', async () => {
  const { body: charge } = await call('/charges', { key: 'k', body: await chargeOn(card.pays) });
  const { body: refunded } = await call(`/charges/${charge.chargeId}/refunds`, { key: 'r', body: {} });
  const { body: other } = await call('/charges', { key: 'k2', body: await chargeOn(card.pays) });
  await provider.close();
  const books = new DatabaseSync(join(dataDir, 'provider', 'provider.db'));
  books.exec(`DROP INDEX refunds_by_charge; ALTER TABLE refunds RENAME TO parts;
    CREATE TABLE refunds (
      seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, key TEXT NOT NULL UNIQUE, charge TEXT NOT NULL UNIQUE,
      amount INTEGER NOT NULL CHECK (amount > 0), created_at INTEGER NOT NULL
    ) STRICT;
    INSERT INTO refunds SELECT * FROM parts; DROP TABLE parts;`);
  books.close();
  provider = await createProvider({ dataDir, port: 0 });
  expect((await call('/refunds/by-key/r')).body.refundId).toBe(refunded.refundId);
  const parts = ['p1', 'p2'].map((key) => call(`/charges/${other.chargeId}/refunds`, { key, body: { amount: 100 } }));
  expect((await Promise.all(parts)).map(({ status }) => status)).toEqual([201, 201]);
});

test('a refund of an unknown charge, of too much, or of another charge under the same key is refused', async () => {
  const { body: one } = await call('/charges', { key: 'k1', body: await chargeOn(card.pays) });
  const { body: two } = await call('/charges', { key: 'k2', body: await chargeOn(card.pays) });
  expect((await call('/charges/ch_none/refunds', { key: 'r', body: {} })).status).toBe(404);
  for (const amount of [2000, 0, -1, 1.5, '1']) {
    expect((await call(`/charges/${one.chargeId}/refunds`, { key: 'r', body: { amount } })).body.error).toBe('invalid_amount');
  }
  expect((await call(`/charges/${one.chargeId}/refunds`, { key: 'r', body: { amount: 1000 } })).status).toBe(201);
  expect((await call(`/charges/${two.chargeId}/refunds`, { key: 'r', body: { amount: 1000 } })).status).toBe(422);
  expect((await call('/refunds')).body.items).toMatchObject([{ amount: 1000 }]);
});

test('a charge or refund without a usable key is refused', async () => {
  const body = await chargeOn(card.pays);
  expect(await call('/charges', { body })).toEqual({ status: 400, body: { error: 'idempotency_key_required' } });
  expect((await call('/charges', { key: '', body })).status).toBe(400);
  expect((await call('/charges', { key: 'x'.repeat(256), body })).status).toBe(400);
  expect((await call('/charges/ch_1/refunds', { body: {} })).body.error).toBe('idempotency_key_required');
});

test('a charge with an unknown token, a bad amount or a bad reference is refused', async () => {
  const body = await chargeOn(card.pays);
  const wrong = [
    { ...body, token: 'tok_none' },
    { ...body, token: 7 },
    ...[0, -1, 1.5, '10', 2 ** 60].map((amount) => ({ ...body, amount })),
    ...['', 7, 'x'.repeat(256)].map((reference) => ({ ...body, reference })),
  ];
  for (const each of wrong) expect((await call('/charges', { key: 'k', body: each })).status).toBe(422);
  expect(await charges()).toEqual([]);
});

test('malformed, oversized and misdirected requests get their status, and the provider lives on', async () => {
  for (const body of ['{', 'null', '[]', '7']) expect((await call('/tokens', { body })).status).toBe(400);
  expect((await call('/tokens', { body: 'x'.repeat(64 * 1024) })).status).toBe(400);
  expect((await call('/tokens', { body: 'x'.repeat(64 * 1024 + 1) })).status).toBe(413);
  expect((await call('/tokens', { body: 'x'.repeat(2_000_000) })).status).toBe(413);
  for (const path of ['/', '//', '/nothing', '/charges/', '/charges/%ff', '/charges/by-key', '/tokens?x=1']) {
    expect((await call(path)).status).toBe(404);
  }
  expect((await call('/charges', { method: 'DELETE', key: 'k' })).status).toBe(404);
  expect((await call('/health')).status).toBe(200);
});

test('clients that break off or talk nonsense do not disturb the provider', async () => {
  for (const bytes of ['POST /tokens HTTP/1.1\r\nhost: x\r\ncontent-length: 100\r\n\r\n{"num', 'nonsense\r\n\r\n']) {
    const socket = connect(provider.port, '127.0.0.1');
    await new Promise((resolve) => socket.write(bytes, resolve));
    socket.destroy();
  }
  expect((await call('/health')).status).toBe(200);
});
