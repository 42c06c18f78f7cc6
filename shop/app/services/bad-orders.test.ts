import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { embedded } from 'ramet/bus/embedded';
import { realPlatform } from 'ramet/platform';
import { type Runtime, start, topology } from 'ramet/runtime';
import { sqlite } from 'ramet/store/sqlite';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Running } from '../../rig/child-process.ts';
import { createMail, type RunningMail } from '../../rig/mail/server.ts';
import { createProvider } from '../../rig/provider/server.ts';
import shop from '../topology.ts';
import { Catalog } from './catalog/contract.ts';
import { Inventory } from './inventory/contract.ts';
import { Users } from './users/contract.ts';

/* The shop under load, with two orders that the code of shipping cannot bear: what becomes of all the others. */

const SOAP = { sku: 'BAT-2', name: 'Olive Soap', price: 690, category: 'bath', description: 'Old.', image: '/images/BAT-2.svg' };
const SHIP_TO = { name: 'Ada', street: '1 Main St', city: 'Berlin', country: 'DE' };
const TRACE = { correlationId: 'cor_test', traceparent: '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01' };
const ORDERS = 100;
/** They come early, so that most orders come while these are tried again. */
const BAD = new Set([5, 6]);

let folder: string;
let provider: Running;
let mail: RunningMail;
let runtime: Runtime;
let failures = 0;

/** Shipping, whose label printer fails for some names. */
async function fragile() {
  const { default: shipping } = await import('./shipping/service.ts');
  const book = shipping.commands['book'] as (input: { shipTo?: { name: string } }, ctx: unknown) => unknown;
  const commands = {
    ...shipping.commands,
    book: (input: { shipTo?: { name: string } }, ctx: unknown) => {
      if (input.shipTo?.name !== 'Bad') return book(input, ctx);
      failures++;
      throw new Error('the label cannot be printed');
    },
  };
  return { default: { ...shipping, commands } as typeof shipping };
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ramet-shop-'));
  provider = await createProvider({ dataDir: folder, port: 0 });
  mail = await createMail({ dataDir: folder, smtpPort: 0, mailPort: 0 });
  Object.assign(process.env, { DATA_DIR: folder, PROVIDER_PORT: String(provider.port), SMTP_PORT: String(mail.smtpPort) });
  runtime = await start(
    topology({ services: { ...shop.services, shipping: fragile }, profiles: { monolith: { store: sqlite(folder), bus: embedded() } } }),
    { logLevel: 'silent' },
  );
  await runtime.client(Catalog).importProducts({ products: [SOAP] });
  await runtime.client(Inventory).receive({ items: [{ sku: SOAP.sku, quantity: 900 }] });
});

afterAll(async () => {
  await runtime?.stop();
  await Promise.all([provider?.close(), mail?.close()]);
  rmSync(folder, { recursive: true, force: true });
});

test('two orders that fail again and again cost none of the others', async () => {
  const { timers } = realPlatform();
  const { userId } = await runtime.client(Users).register({ email: 'ada@example.org', password: 'long enough', name: 'Ada' });
  const meta = { caller: { kind: 'user' as const, subject: userId, scopes: [] }, trace: TRACE, depth: 0, timeoutMs: 30_000 };
  const ask = async (operation: string, input: object, key?: string): Promise<any> => {
    const { dispatcher } = runtime.services.get('orders') as NonNullable<ReturnType<Runtime['services']['get']>>;
    const reply = await dispatcher.call(operation, input, key === undefined ? meta : { ...meta, key }, {
      signal: new AbortController().signal,
    });
    if (!reply.ok) throw new Error(JSON.stringify(reply));
    return reply.value;
  };
  const place = async (n: number): Promise<string> => {
    const answer = await fetch(`http://127.0.0.1:${provider.port}/tokens`, {
      method: 'POST',
      body: JSON.stringify({ number: '4242424242424242' }),
    });
    const { token } = (await answer.json()) as { token: string };
    const shipTo = BAD.has(n) ? { ...SHIP_TO, name: 'Bad' } : SHIP_TO;
    return (await ask('place', { lines: [{ sku: SOAP.sku, quantity: 1 }], cardToken: token, shipTo }, `order ${n}`)).orderId;
  };
  const settled = async (orderId: string): Promise<string> => {
    for (;;) {
      const { status } = await ask('get', { orderId, wait: 5 });
      if (status !== 'pending') return status;
    }
  };
  const outcomes: Promise<string>[] = [];
  for (let n = 0; n < ORDERS; n++) {
    outcomes.push(place(n).then(settled));
    await timers.sleep(300);
  }
  const statuses = await Promise.all(outcomes);
  expect(failures).toBeGreaterThan(5);
  expect(statuses.flatMap((status, n) => (status === 'confirmed' ? [] : [`${n} ${status}`]))).toEqual(
    [...BAD].map((n) => `${n} cancelled`),
  );
}, 180_000);
