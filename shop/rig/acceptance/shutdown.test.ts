import { randomUUID } from 'node:crypto';
import { connect } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { type Answer, bodyOf, CARDS, type Customer, NoAnswer, type Product, ShopClient } from '../harness/client.ts';
import { startShop } from '../harness/shop-process.ts';
import { orderIds } from './suite.ts';

const CLIENTS = 50;
const CUSTOMERS = 10;
const LOAD_MS = 1_000;
/** A request that was begun so shortly before the signal may have been sent after it. */
const MARGIN_MS = 20;
const LATEST_EXIT_MS = 25_000;

interface Sent {
  readonly customer: Customer;
  readonly key: string;
  readonly sku: string;
  readonly startedAt: number;
  readonly endedAt: number;
  readonly answer: Answer<{ orderId: string }> | NoAnswer;
}

test('SIGTERM under load: every request that was sent before is answered, and no order that was promised is lost', {
  timeout: 180_000,
}, async () => {
  await using shop = await startShop();
  const client = new ShopClient(shop);
  const products = bodyOf(await client.search({ limit: 100 })).items;
  const customers = await Promise.all(Array.from({ length: CUSTOMERS }, () => client.customer()));
  const sent: Sent[] = [];
  const orderOf = (sku: string) => ({ lines: [{ sku, quantity: 1 }], card: { number: CARDS.pays } });
  let stopping = false;

  /** Places one order after the other, half of the clients over a new connection each time, until no process answers. */
  const load = async (i: number) => {
    const own = new ShopClient(shop, { keepAlive: i % 2 === 0 });
    const customer = (customers[i % CUSTOMERS] as Customer).over(own);
    for (let refused = 0; refused < 3; ) {
      const [key, sku, startedAt] = [randomUUID(), (products[i] as Product).sku, performance.now()];
      const answer = await customer.place(orderOf(sku), key).catch((error: unknown) => error as NoAnswer);
      sent.push({ customer, key, sku, startedAt, endedAt: performance.now(), answer });
      if (!(answer instanceof NoAnswer)) {
        // After the signal a few clients continue, so that some arrive just as the door closes.
        if (stopping || answer.status !== 202) await sleep(100);
        continue;
      }
      if (!stopping) break;
      refused++;
    }
    own.close();
  };
  // Waiting clients are answered too: one that waits for a slow order, and one that follows it.
  const [patient] = customers as [Customer];
  const slow = bodyOf(
    await patient.place({ ...orderOf((products[60] as Product).sku), card: { number: CARDS.dropsWithoutCharge } }),
    202,
  ).orderId;
  const waiting = patient.order(slow, { wait: 30 });
  const following = patient.events(slow);

  const loads = Array.from({ length: CLIENTS }, (_, i) => load(i));
  await sleep(LOAD_MS);
  const signalledAt = performance.now();
  stopping = true;
  const exit = await shop.terminate();
  const stoppedMs = performance.now() - signalledAt;
  await Promise.all(loads);

  expect(exit).toEqual({ code: 0, signal: null });
  expect(stoppedMs).toBeLessThan(LATEST_EXIT_MS);
  expect((await waiting).status).toBe(200);
  expect((await following).status).toBe(200);

  const before = sent.filter(({ startedAt }) => startedAt < signalledAt - MARGIN_MS);
  expect(before.filter(({ endedAt }) => endedAt > signalledAt).length, 'the signal must come in the middle').toBeGreaterThan(CLIENTS / 2);
  const broken = before.filter(({ answer }) => answer instanceof NoAnswer);
  expect(broken.map(({ startedAt, answer }) => `${Math.round(startedAt - signalledAt)} ms: ${String(answer)}`)).toEqual([]);
  // A shop that has too much to do may say so, before the signal and after it; what is never right is another refusal.
  for (const { answer } of sent) if (!(answer instanceof NoAnswer)) expect([202, 503], answer.text).toContain(answer.status);
  expect(before.filter(({ answer }) => !(answer instanceof NoAnswer) && answer.status === 202).length).toBeGreaterThan(CLIENTS / 2);

  const stoppedAt = new Date().toISOString();
  await shop.restart();
  const cutOff: string[] = [];
  const promised = new Map<string, Set<string>>();
  await Promise.all(
    sent.map(async ({ customer, key, sku, answer }) => {
      if (answer instanceof NoAnswer && !answer.sent) return;
      const promise = answer instanceof NoAnswer || answer.status !== 202 ? undefined : answer.body.orderId;
      // A client without an answer, or without this one, repeats under the same key.
      const orderId = promise ?? (await customer.over(client).placeSurely(orderOf(sku), key));
      const ofCustomer = promised.get(customer.userId) ?? new Set();
      promised.set(customer.userId, ofCustomer.add(orderId));
      const order = await customer.over(client).settled(orderId);
      expect(order.status).toBe('confirmed');
      // A client without an answer was refused a connection, or lost it before it had an effect.
      if (answer instanceof NoAnswer && (order.history[0]?.at ?? '') < stoppedAt)
        cutOff.push(`${answer.message} at ${order.history[0]?.at}`);
    }),
  );
  expect(cutOff, 'orders that were placed by requests without an answer').toEqual([]);
  for (const customer of customers) {
    const ids = (await orderIds(customer)).filter((orderId) => orderId !== slow);
    expect(ids.toSorted()).toEqual([...(promised.get(customer.userId) ?? [])].toSorted());
  }
  const captured = (await client.charges()).filter(({ status }) => status === 'captured').map(({ reference }) => reference);
  expect(captured.toSorted()).toEqual([...promised.values()].flatMap((ids) => [...ids]).toSorted());
  client.close();
});

test('a second SIGTERM ends it at once, whatever is still under way', async () => {
  await using shop = await startShop();
  // A request whose body never comes: the first signal waits for it.
  const socket = connect(shop.ports.web, '127.0.0.1');
  socket.on('error', () => {});
  socket.write('POST /api/users HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{');
  await sleep(300);
  shop.signal('SIGTERM');
  await sleep(1_000);
  expect(shop.pid, 'one signal must not have been enough').toBeDefined();
  const signalledAt = performance.now();
  const { code } = await shop.terminate();
  expect(performance.now() - signalledAt).toBeLessThan(2_000);
  expect(code).toBe(130);
  socket.destroy();
});
