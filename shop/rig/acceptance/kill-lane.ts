import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'vitest';
import { ANTARCTICA, bodyOf, CARDS, type Customer, eventually, type NewOrder, type Product, ShopClient } from '../harness/client.ts';
import { type ShopProcess, startShop } from '../harness/shop-process.ts';
import { expectAvailable } from './suite.ts';

/** One point at which the process dies, and what kind of order is under way there. */
export interface Case {
  /** As `SHOP_STOP_AT` has it. */
  readonly at: string;
  readonly when: string;
  readonly order: keyof typeof ENDS;
  /** The step of the saga that must be open in its journal then: that it is this moment and no other. */
  readonly open?: string;
}

interface Placed {
  readonly orderId: string;
  readonly kind: keyof typeof ENDS;
}

/** A shop that dies and comes back for one case after the other, and what it must know in the end. */
export interface Lane {
  readonly shop: ShopProcess;
  readonly client: ShopClient;
  readonly customer: Customer;
  readonly product: Product;
  /** The file that names the point; the process takes it away. */
  readonly point: string;
  readonly placed: Placed[];
}

const QUANTITY = 2;
/** How each kind of order must end, and which events tell of it. */
const ENDS = {
  plain: {
    order: { card: { number: CARDS.pays } },
    status: 'confirmed',
    charge: 'captured',
    events: [
      'orders.OrderPlaced',
      'inventory.StockReserved',
      'payments.PaymentCaptured',
      'shipping.ShipmentBooked',
      'orders.OrderConfirmed',
    ],
  },
  declined: {
    order: { card: { number: CARDS.declined } },
    status: 'cancelled',
    charge: 'declined',
    events: [
      'orders.OrderPlaced',
      'inventory.StockReserved',
      'payments.PaymentDeclined',
      'inventory.StockReleased',
      'orders.OrderCancelled',
    ],
  },
  undeliverable: {
    order: { card: { number: CARDS.pays }, shipTo: ANTARCTICA },
    status: 'cancelled',
    charge: 'refunded',
    events: [
      'orders.OrderPlaced',
      'inventory.StockReserved',
      'payments.PaymentCaptured',
      'payments.PaymentRefunded',
      'inventory.StockReleased',
      'orders.OrderCancelled',
    ],
  },
} as const;

const DIES_WITHIN_MS = 40_000;
/** A point that so many orders do not come to is not there. */
const ORDERS_MAX = 4;

/** Starts a shop with one customer, who logs in once for all cases. */
export async function openLane(): Promise<Lane> {
  const folder = await mkdtemp(join(tmpdir(), 'ramet-point-'));
  const point = join(folder, 'point');
  const shop = await startShop({ env: { SHOP_STOP_AT: `@${point}` } });
  const client = new ShopClient(shop, { keepAlive: false });
  await heard({ client });
  const product = bodyOf(await client.search({ limit: 100 })).items.find(({ available }) => available >= 500) as Product;
  const customer = await client.customer();
  await heard({ client });
  return { shop, client, customer, product, point, placed: [] };
}

export async function closeLane({ shop, client, point }: Lane): Promise<void> {
  client.close();
  await shop[Symbol.asyncDispose]();
  await rm(dirname(point), { recursive: true, force: true });
}

/** Places an order, or a few, until the process dies at the point; starts it again, and looks at their outcomes. */
export async function runCase(lane: Lane, { at, order: kind, open }: Case): Promise<void> {
  const { shop, customer, product } = lane;
  const order: NewOrder = { ...ENDS[kind].order, lines: [{ sku: product.sku, quantity: QUANTITY }] };
  await arm(lane, at);
  const dying = Promise.race([shop.exited, sleep(DIES_WITHIN_MS, undefined, { ref: false })]);
  const placing: Promise<string>[] = [];
  let dead = false;
  void dying.then(() => {
    dead = true;
  });
  while (!dead && placing.length < ORDERS_MAX) {
    const placed = customer.placeSurely(order, randomUUID(), 60_000);
    placing.push(placed);
    // Each goes its whole way before the next one: the points of one order are counted, not of two at once.
    const itsWay = placed.then((orderId) => atRest(lane, orderId));
    await Promise.race([dying, itsWay]).catch(() => dying);
  }
  const exit = await Promise.race([dying, sleep(5_000)]);
  expect(exit, `the process never came to ${at}`).toEqual({ code: null, signal: 'SIGKILL' });
  if (open !== undefined) expect(openSteps(lane)).toEqual([open]);
  await shop.restart();
  for (const orderId of await Promise.all(placing)) {
    lane.placed.push({ orderId, kind });
    await atRest(lane, orderId);
    await checkOrder(lane, { orderId, kind });
  }
}

/** From now on the running process counts how often it comes to the point. */
async function arm({ shop, point }: Lane, at: string): Promise<void> {
  await writeFile(point, at);
  shop.signal('SIGUSR2');
  await eventually(
    async () => existsSync(point),
    (there) => !there,
  );
}

/** What the customer, the provider and the warehouse see of one order. */
async function checkOrder({ customer, client, product }: Lane, { orderId, kind }: Placed): Promise<void> {
  const { status, charge } = ENDS[kind];
  const order = await customer.settled(orderId, 60_000);
  const total = QUANTITY * product.price;
  expect(order).toMatchObject({ status, total });
  expect(order.history.map(({ what }) => what)).toEqual([...new Set(order.history.map(({ what }) => what))]);
  const charges = await client.charges(orderId);
  expect(charges.map(({ amount, status: charged }) => ({ amount, status: charged }))).toEqual([{ amount: total, status: charge }]);
  const mails = await mailsOf({ customer }, orderId);
  // A mail that was sent and not recorded is sent again, and bears the same id.
  expect(new Set(mails.map(({ messageId }) => messageId)).size).toBe(1);
  expect(new Set(mails.map(({ subject }) => subject))).toEqual(new Set([`Your order ${orderId} is ${status}`]));
  expect(mails.length).toBeLessThanOrEqual(2);
}

const mailsOf = async ({ customer }: Pick<Lane, 'customer'>, orderId: string) =>
  (await customer.mails()).filter(({ subject }) => subject.includes(orderId));

/** The order has ended, its customer has been notified, and none of its work continues anywhere: what happens next belongs to the next order. */
async function atRest(lane: Lane, orderId: string): Promise<void> {
  await lane.customer.settled(orderId, 60_000);
  await eventually(
    () => mailsOf(lane, orderId),
    (mails) => mails.length > 0,
  );
  const open = [
    ['orders', "select count(*) as open from ramet_sagas where state in ('RUNNING', 'COMPENSATING')"],
    ['payments', "select count(*) as open from ramet_fences where state in ('STARTED', 'CANCELLING')"],
    ['notifications', "select count(*) as open from ramet_fences where state in ('STARTED', 'CANCELLING')"],
  ] as const;
  await eventually(
    async () => open.map(([service, sql]) => rows<{ open: number }>(lane, service, sql)[0]?.open),
    (counts) => counts.every((count) => count === 0),
  );
  await heard(lane);
}

/** Every event has reached everybody. */
async function heard({ client }: Pick<Lane, 'client'>): Promise<void> {
  await eventually(
    async () => {
      const { text } = await client.request('GET', '/metrics');
      return [...text.matchAll(/^ramet_event_lag_events\{.*\} (\d+)$/gm)].map(([, lag]) => Number(lag));
    },
    (lags) => lags.length > 0 && lags.every((lag) => lag === 0),
  );
}

/** The whole of it, also as the services have it in their own databases. */
export async function checkBooks(lane: Lane): Promise<void> {
  const { shop, client, product, placed } = lane;
  const total = QUANTITY * product.price;
  const confirmed = placed.filter(({ kind }) => kind === 'plain').length;
  const refunded = placed.filter(({ kind }) => kind === 'undeliverable').length;
  await expectAvailable(client, product.sku, product.available - QUANTITY * confirmed);
  const charges = await client.charges();
  expect(charges.map(({ reference }) => reference).toSorted()).toEqual(placed.map(({ orderId }) => orderId).toSorted());
  expect(charges.filter(({ status }) => status === 'captured')).toHaveLength(confirmed);
  await heard(lane);
  expect(await shop.terminate()).toEqual({ code: 0, signal: null });

  const entries = rows<{ type: string; key: string; times: number }>(lane, 'audit', 'select type, key, times from entries');
  for (const { orderId, kind } of placed) {
    const ofOrder = entries.filter(({ key, type }) => key === orderId && type !== 'orders.OrderProgressed').map(({ type }) => type);
    // After a restart the provider may be a moment later than the shop: then the payment is queued first.
    const told = ofOrder.filter((type) => type !== 'payments.PaymentQueued');
    expect(told.toSorted()).toEqual([...ENDS[kind].events].toSorted());
    const fact = `order-${ENDS[kind].status}:${orderId}`;
    expect(entries.filter(({ key }) => key === fact).map(({ type }) => type)).toEqual(['notifications.MailSent']);
  }
  expect(entries.filter(({ times }) => times !== 1)).toEqual([]);
  expect(rows(lane, 'analytics', 'select * from effects where times <> 1')).toEqual([]);
  expect(
    rows(
      lane,
      'analytics',
      'select sum(placed) as placed, sum(confirmed) as confirmed, sum(cancelled) as cancelled, sum(captured) as captured, sum(refunded) as refunded from days',
    ),
  ).toEqual([
    {
      placed: placed.length,
      confirmed,
      cancelled: placed.length - confirmed,
      captured: (confirmed + refunded) * total,
      refunded: refunded * total,
    },
  ]);
  expect(rows(lane, 'inventory', `select available, reserved, sold from stock where sku = '${product.sku}'`)).toEqual([
    { available: product.available - QUANTITY * confirmed, reserved: 0, sold: QUANTITY * confirmed },
  ]);
}

/** Of the saga that began last: the step, or the undo of it, that has an intent and no outcome. */
function openSteps(lane: Lane): string[] {
  const steps = rows<{ name: string; state: string; comp_state: string | null }>(
    lane,
    'orders',
    `select name, state, comp_state from ramet_saga_steps
     where saga_id = (select saga_id from ramet_saga_steps order by intent_at desc, idx desc limit 1) order by idx`,
  );
  return steps.filter(({ state, comp_state: undo }) => (undo ?? state).endsWith('STARTED')).map(({ name }) => name);
}

function rows<Row>({ shop }: Lane, service: string, sql: string): Row[] {
  const db = new DatabaseSync(join(shop.dataDir, `${service}.db`), { readOnly: true });
  try {
    return db
      .prepare(sql)
      .all()
      .map((row) => ({ ...row })) as Row[];
  } finally {
    db.close();
  }
}
