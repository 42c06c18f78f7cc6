import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embedded } from 'ramet/bus/embedded';
import { realPlatform } from 'ramet/platform';
import { type Runtime, start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Running } from '../../rig/child-process.ts';
import { createMail, type RunningMail } from '../../rig/mail/server.ts';
import { createProvider } from '../../rig/provider/server.ts';
import shop from '../topology.ts';
import { Analytics } from './analytics/contract.ts';
import { Audit } from './audit/contract.ts';
import { Catalog } from './catalog/contract.ts';
import { Inventory } from './inventory/contract.ts';
import { Payments } from './payments/contract.ts';
import { Shipping } from './shipping/contract.ts';
import { Users } from './users/contract.ts';

/*
 * The services together, in one process and without a gateway: what they do for each other. What a client sees of them is
 * the matter of `shop/rig/acceptance`.
 */
const CARD = { pays: '4242424242424242', lacksFunds: '4000000000009995', answersLate: '4000000000000259', drops: '4000000000000119' };
const TOWEL = { sku: 'BAT-1', name: 'Bath Towel', price: 1_990, category: 'bath', description: 'Dries fast.', image: '/images/BAT-1.svg' };
const SOAP = {
  sku: 'BAT-2',
  name: 'Olive Soap',
  price: 690,
  category: 'bath',
  description: 'Nine months old.',
  image: '/images/BAT-2.svg',
};

let folder: string;
let provider: Running;
let mail: RunningMail;
let runtime: Runtime;
/** What a saga does before each of its calls; a test puts a wait here to be faster than the saga. */
let beforeCall: (() => Promise<void>) | undefined;

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-shop-'));
  provider = await createProvider({ dataDir: folder, port: 0 });
  mail = await createMail({ dataDir: folder, smtpPort: 0, mailPort: 0 });
  Object.assign(process.env, { DATA_DIR: folder, PROVIDER_PORT: String(provider.port), SMTP_PORT: String(mail.smtpPort) });
  runtime = await start(
    topology({
      // Loaded only now, because payments reads its provider's port when it is loaded.
      services: shop.services,
      profiles: { monolith: { store: sqlite(folder), bus: embedded() } },
    }),
    { logLevel: 'silent', platform: realPlatform({ onPoint: (site) => (site === 'saga.call' ? beforeCall?.() : undefined) }) },
  );
  await runtime.client(Catalog).importProducts({ products: [TOWEL, SOAP] });
  await runtime.client(Inventory).receive({
    items: [
      { sku: TOWEL.sku, quantity: 900 },
      { sku: SOAP.sku, quantity: 3 },
    ],
  });
});

afterAll(async () => {
  await runtime?.stop();
  await Promise.all([provider?.close(), mail?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

type Reply = { ok: true; value: any } | { ok: false; kind: string; error?: string; code?: string; data?: any };
interface Customer {
  readonly id: string;
  readonly email: string;
  ask(service: string, operation: string, input: object, key?: string): Promise<Reply>;
}

const TRACE = { correlationId: 'cor_test', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
let customers = 0;

async function customer(): Promise<Customer> {
  const email = `customer${++customers}@example.org`;
  const { userId } = await runtime.client(Users).register({ email, password: 'long enough', name: 'Ada' });
  const caller = { kind: 'user' as const, subject: userId, scopes: [] };
  return {
    id: userId,
    email,
    ask(service, operation, input, key) {
      const meta = { caller, trace: TRACE, depth: 0, timeoutMs: 30_000, ...(key === undefined ? {} : { key }) };
      const { dispatcher } = runtime.services.get(service) as NonNullable<ReturnType<Runtime['services']['get']>>;
      return dispatcher.call(operation, input, meta, { signal: new AbortController().signal }) as Promise<Reply>;
    },
  };
}

async function tokenOf(number: string): Promise<string> {
  const answer = await fetch(`http://127.0.0.1:${provider.port}/tokens`, { method: 'POST', body: JSON.stringify({ number }) });
  return ((await answer.json()) as { token: string }).token;
}

let keys = 0;
async function place(by: Customer, card: string, more: object = {}): Promise<Reply> {
  const input = { lines: [{ sku: TOWEL.sku, quantity: 2 }], cardToken: await tokenOf(card), ...more };
  return by.ask('orders', 'place', input, `key-${++keys}`);
}

/** The order when it has ended. */
async function settled(by: Customer, placed: Reply) {
  if (!placed.ok) throw new Error(`not placed: ${JSON.stringify(placed)}`);
  const { orderId } = placed.value;
  for (let waits = 0; waits < 12; waits++) {
    const reply = await by.ask('orders', 'get', { orderId, wait: 5 });
    if (!reply.ok) throw new Error(JSON.stringify(reply));
    if (reply.value.status !== 'pending') return reply.value;
  }
  throw new Error(`order ${orderId} did not end within a minute`);
}

const whats = (order: { history: { what: string }[] }) => order.history.map((entry) => entry.what);

async function charges(orderId: string): Promise<string[]> {
  const answer = await fetch(`http://127.0.0.1:${provider.port}/charges?reference=${orderId}`);
  return ((await answer.json()) as { items: { status: string }[] }).items.map((charge) => charge.status);
}

async function mailsTo(address: string): Promise<{ subject: string; text: string; messageId: string }[]> {
  const answer = await fetch(`http://127.0.0.1:${mail.port}/messages?to=${encodeURIComponent(address)}`);
  const body = (await answer.json()) as { items: { subject: string; text: string; messageId: string }[] };
  return body.items;
}

/** Looks until it holds: events and mails come a little later. */
async function eventually<T>(look: () => Promise<T> | T, holds: (value: T) => boolean): Promise<T> {
  for (let tries = 0; ; tries++) {
    const value = await look();
    if (holds(value)) return value;
    if (tries > 500) throw new Error(`it did not come about; last seen: ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Resolves when no saga runs. */
const idle = () =>
  eventually(
    () => runtime.services.get('orders')?.engine?.running,
    (running) => running === 0,
  );

describe('an order', () => {
  test('is confirmed when everything is done, and its history says what', async () => {
    const ada = await customer();
    const before = await runtime.client(Inventory).stock({ sku: TOWEL.sku });
    const order = await settled(ada, await place(ada, CARD.pays));
    expect(order).toMatchObject({
      status: 'confirmed',
      total: 3_980,
      lines: [{ sku: 'BAT-1', name: 'Bath Towel', price: 1_990, quantity: 2 }],
    });
    const steps = whats(order);
    expect(steps.slice(0, 2)).toEqual(['placed', 'accepted']);
    expect(steps.slice(2, -1).sort()).toEqual(['payment captured', 'shipment booked', 'stock reserved']);
    expect(steps.at(-1)).toBe('confirmed');
    expect(await charges(order.orderId)).toEqual(['captured']);
    expect(await runtime.client(Shipping).get({ orderId: order.orderId })).toMatchObject({ status: 'booked', shipTo: { country: 'DE' } });
    const after = await eventually(
      () => runtime.client(Inventory).stock({ sku: TOWEL.sku }),
      ({ sold }) => sold === before.sold + 2,
    );
    expect(after.onHand + after.sold).toBe(before.onHand + before.sold);
    const [told] = await eventually(
      () => mailsTo(ada.email),
      (mails) => mails.length > 0,
    );
    expect(told?.subject).toContain('is confirmed');
    expect(told?.messageId).toMatch(/^<[0-9a-f]{32}@ramet\.shop>$/);
  });

  test('is one order however often its request is repeated', async () => {
    const ada = await customer();
    const input = { lines: [{ sku: TOWEL.sku, quantity: 1 }], cardToken: await tokenOf(CARD.pays) };
    const [first, second] = await Promise.all([ada.ask('orders', 'place', input, 'same'), ada.ask('orders', 'place', input, 'same')]);
    expect(second).toEqual(first);
    expect(await ada.ask('orders', 'list', {})).toMatchObject({ ok: true, value: { items: [{ total: 1_990 }] } });
    await settled(ada, first);
  });

  test('is confirmed once although the provider charges and drops the connection', async () => {
    const ada = await customer();
    const order = await settled(ada, await place(ada, CARD.drops));
    expect(order.status).toBe('confirmed');
    expect(await charges(order.orderId)).toEqual(['captured']);
  });

  test('is cancelled with the reason of the provider when the card lacks funds, and its stock is free again', async () => {
    const ada = await customer();
    const before = await runtime.client(Inventory).stock({ sku: TOWEL.sku });
    const order = await settled(ada, await place(ada, CARD.lacksFunds));
    expect(order).toMatchObject({ status: 'cancelled', reason: 'card declined: insufficient funds' });
    expect(await runtime.client(Payments).status({ orderId: order.orderId })).toMatchObject({ status: 'declined' });
    expect((await runtime.client(Inventory).stock({ sku: TOWEL.sku })).available).toBe(before.available);
    const [told] = await eventually(
      () => mailsTo(ada.email),
      (mails) => mails.length > 0,
    );
    expect(told?.text).toContain('card declined: insufficient funds');
  });

  test('is cancelled before anything is charged when its stock does not suffice', async () => {
    const ada = await customer();
    const order = await settled(ada, await place(ada, CARD.pays, { lines: [{ sku: SOAP.sku, quantity: 4 }] }));
    expect(order).toMatchObject({ status: 'cancelled', reason: 'out of stock: BAT-2' });
    expect(await charges(order.orderId)).toEqual([]);
    expect(await runtime.client(Inventory).stock({ sku: SOAP.sku })).toEqual({ onHand: 3, available: 3, reserved: 0, sold: 0 });
  });

  test('is refunded when no carrier goes where it should go', async () => {
    const ada = await customer();
    const shipTo = { name: 'Ada', street: 'Ice 1', city: 'McMurdo', country: 'AQ' };
    const order = await settled(ada, await place(ada, CARD.pays, { shipTo }));
    expect(order).toMatchObject({ status: 'cancelled', reason: 'cannot be delivered: no carrier goes to AQ' });
    expect(await charges(order.orderId)).toEqual(['refunded']);
  });

  test('is not taken from a blocked customer', async () => {
    const ada = await customer();
    await runtime.client(Users).block({ email: ada.email.toUpperCase() });
    expect(await place(ada, CARD.pays)).toMatchObject({ ok: false, error: 'CustomerBlocked' });
    await runtime.client(Users).unblock({ email: ada.email });
    expect((await settled(ada, await place(ada, CARD.pays))).status).toBe('confirmed');
  });

  test('is not taken for a product that is not listed, nor from an unknown customer', async () => {
    const ada = await customer();
    expect(await place(ada, CARD.pays, { lines: [{ sku: 'NOPE', quantity: 1 }] })).toMatchObject({
      error: 'UnknownProduct',
      data: { sku: 'NOPE' },
    });
    const { dispatcher } = runtime.services.get('orders') as NonNullable<ReturnType<Runtime['services']['get']>>;
    const meta = { caller: { kind: 'service' as const, subject: 'x', scopes: [] }, trace: TRACE, depth: 0, timeoutMs: 5_000, key: 'x' };
    const input = { lines: [{ sku: TOWEL.sku, quantity: 1 }], cardToken: 'tok' };
    expect(await dispatcher.call('place', input, meta, { signal: new AbortController().signal })).toMatchObject({ code: 'Forbidden' });
  });

  test('is visible to its customer alone', async () => {
    const [ada, eve] = [await customer(), await customer()];
    const { orderId } = await settled(ada, await place(ada, CARD.pays));
    for (const [operation, input] of [
      ['get', { orderId }],
      ['requestCancel', { orderId }],
    ] as const)
      expect(await eve.ask('orders', operation, input)).toMatchObject({ ok: false, error: 'NotFound', data: { orderId } });
    expect(await eve.ask('orders', 'list', {})).toEqual({ ok: true, value: { items: [] } });
  });
});

describe('a cancellation', () => {
  test('while the card is being charged refunds what was charged', async () => {
    const ada = await customer();
    const placed = await place(ada, CARD.answersLate);
    if (!placed.ok) throw new Error('not placed');
    await eventually(
      () => charges(placed.value.orderId),
      (made) => made.length > 0,
    );
    expect(await ada.ask('orders', 'requestCancel', placed.value)).toMatchObject({ ok: true });
    expect(await ada.ask('orders', 'requestCancel', placed.value)).toMatchObject({ ok: true });
    const order = await settled(ada, placed);
    expect(order).toMatchObject({ status: 'cancelled', reason: 'cancelled by the customer' });
    expect(whats(order).filter((what) => what === 'cancellation requested')).toHaveLength(1);
    expect(await charges(order.orderId)).toEqual(['refunded']);
    expect(await ada.ask('orders', 'requestCancel', placed.value)).toMatchObject({ ok: true });
  });

  test('before the order was accepted is taken right after it, and nothing else happens', async () => {
    const ada = await customer();
    await idle();
    let goOn: (() => void) | undefined;
    beforeCall = () =>
      new Promise<void>((resolve) => {
        beforeCall = undefined;
        goOn = resolve;
      });
    const placed = await place(ada, CARD.pays);
    await eventually(
      () => goOn,
      (held) => held !== undefined,
    );
    expect(await ada.ask('orders', 'requestCancel', placed.ok ? placed.value : {})).toMatchObject({ ok: true });
    goOn?.();
    const order = await settled(ada, placed);
    expect(order).toMatchObject({ status: 'cancelled', reason: 'cancelled by the customer' });
    await idle();
    expect(whats(order)).toEqual(['placed', 'cancellation requested', 'accepted', 'cancelled by the customer']);
    expect(await charges(order.orderId)).toEqual([]);
  });

  test('of a confirmed order comes too late', async () => {
    const ada = await customer();
    const { orderId } = await settled(ada, await place(ada, CARD.pays));
    expect(await ada.ask('orders', 'requestCancel', { orderId })).toMatchObject({ error: 'TooLate', data: { status: 'confirmed' } });
  });
});

describe('a customer', () => {
  test('registers once, in whatever capitals, and gets in with the right password only', async () => {
    const { email } = await customer();
    const users = runtime.client(Users);
    expect(await users.register.try({ email: email.toUpperCase(), password: 'long enough', name: 'Eve' })).toMatchObject({
      error: 'EmailTaken',
    });
    expect(await users.logIn.try({ email, password: 'wrong' })).toMatchObject({ error: 'InvalidCredentials' });
    expect(await users.logIn.try({ email: 'absent@example.org', password: 'long enough' })).toMatchObject({ error: 'InvalidCredentials' });
    expect(await users.logIn({ email: email.toUpperCase(), password: 'long enough' })).toMatchObject({ expiresIn: 3_600 });
  });

  test('pages through orders, the newest first', async () => {
    const ada = await customer();
    const placed: string[] = [];
    for (let i = 0; i < 3; i++) {
      const reply = await place(ada, CARD.pays);
      placed.unshift((await settled(ada, reply)).orderId);
    }
    const page = async (input: object) => ((await ada.ask('orders', 'list', input)) as Extract<Reply, { ok: true }>).value;
    const first = await page({ limit: 2 });
    const second = await page({ limit: 2, cursor: first.next });
    const ids = [...first.items, ...second.items].map((item: { orderId: string }) => item.orderId);
    // Orders of one millisecond stand in any order, but each stands once.
    expect(ids.sort()).toEqual(placed.sort());
    expect(second.next).toBeUndefined();
    expect((await page({ status: 'cancelled' })).items).toEqual([]);
  });

  test('watches an order from its first entry to its end', async () => {
    const ada = await customer();
    const placed = await place(ada, CARD.pays);
    if (!placed.ok) throw new Error('not placed');
    const { dispatcher } = runtime.services.get('orders') as NonNullable<ReturnType<Runtime['services']['get']>>;
    const caller = { kind: 'user' as const, subject: ada.id, scopes: [] };
    const seen: string[] = [];
    const replies = dispatcher.stream(
      'watch',
      placed.value,
      { caller, trace: TRACE, depth: 0, timeoutMs: 30_000 },
      { signal: new AbortController().signal },
    );
    for await (const reply of replies) seen.push(reply.ok ? (reply.value as { what: string }).what : JSON.stringify(reply));
    expect(seen).toEqual(whats(await settled(ada, placed)));
    expect(seen[0]).toBe('placed');
    expect(seen.at(-1)).toBe('confirmed');
  });
});

describe('the subscribers', () => {
  test('the catalogue follows the stock', async () => {
    const { available } = await runtime.client(Inventory).stock({ sku: TOWEL.sku });
    await eventually(
      () => runtime.client(Catalog).product({ sku: TOWEL.sku }),
      (product) => product.available === available,
    );
    const found = await runtime.client(Catalog).search({ query: 'TOWEL bath', category: 'bath' });
    expect(found.items.map((item) => item.sku)).toEqual([TOWEL.sku]);
    expect(await runtime.client(Catalog).search.try({ cursor: 'nonsense' })).toMatchObject({ error: 'InvalidCursor' });
  });

  test('analytics and audit took every event once, and the money adds up', async () => {
    const ada = await customer();
    const { orderId } = await settled(ada, await place(ada, CARD.pays));
    const types = (items: readonly { type: string }[]) => items.map((item) => item.type);
    const { items } = await eventually(
      () => runtime.client(Audit).trail({ key: orderId }),
      (trail) => types(trail.items).includes('orders.OrderConfirmed'),
    );
    expect(types(items)).toEqual(expect.arrayContaining(['orders.OrderPlaced', 'payments.PaymentCaptured', 'shipping.ShipmentBooked']));
    for (const [service, table] of [
      ['analytics', 'effects'],
      ['audit', 'entries'],
    ] as const) {
      const twice = await runtime.services.get(service)?.store.reader.all(`select * from ${table} where times <> 1`);
      expect(twice).toEqual([]);
    }
    const summary = await eventually(
      () => runtime.client(Analytics).summary({}),
      (counted) => counted.placed === counted.confirmed + counted.cancelled,
    );
    const answer = await fetch(`http://127.0.0.1:${provider.port}/charges`);
    const made = ((await answer.json()) as { items: { status: string; amount: number }[] }).items;
    expect(summary.revenue).toBe(made.filter((charge) => charge.status === 'captured').reduce((sum, { amount }) => sum + amount, 0));
    const ledger = () => runtime.services.get('analytics')?.store.reader.get<{ sum: number }>('select sum(amount) as sum from ledger');
    await eventually(ledger, (row) => row?.sum === summary.revenue);
  });
});
