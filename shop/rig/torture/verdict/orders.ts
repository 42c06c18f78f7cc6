import { products } from '../../../app/services/catalog/data/products.ts';
import { orderIdsOf, type Placement } from '../history.ts';
import { mayBeConfirmed } from '../shopping.ts';
import { type Check, differences, type Evidence, groupBy, linesOf, ordersOf } from './check.ts';

export const settled: Check = {
  name: 'every order ends in time',
  *violations(evidence) {
    const { settling, history } = evidence;
    if (settling.left) yield `after ${Math.round(settling.ms / 1_000)} s there was still under way: ${JSON.stringify(settling.left)}`;
    for (const { order_id, status } of ordersOf(evidence)) if (status === 'pending') yield `order ${order_id} is still pending`;
    for (const { key, answers } of history.placements) if (answers.length === 0) yield `the order under key ${key} was never answered`;
    for (const { orderId, answers } of history.cancellations)
      if (answers.length === 0) yield `the cancellation of ${orderId} was never answered`;
  },
};

export const onePerKey: Check = {
  name: 'each key is one order, and each order has a key',
  *violations(evidence) {
    const given = new Set<string>();
    for (const placement of evidence.history.placements) {
      const orderIds = orderIdsOf(placement);
      if (orderIds.length > 1) yield `key ${placement.key} was answered with ${orderIds.length} orders: ${orderIds.join(', ')}`;
      for (const id of orderIds) {
        if (given.has(id)) yield `order ${id} was given for two keys`;
        given.add(id);
      }
      for (const { status, body } of placement.answers)
        if (status !== 202) yield `key ${placement.key} (${placement.kind}) was answered ${status} ${JSON.stringify(body)}`;
    }
    for (const { key, answer } of evidence.history.misuses)
      if (answer.status !== 422) yield `key ${key} was taken with another body: ${answer.status} ${JSON.stringify(answer.body)}`;
    const known = new Set(ordersOf(evidence).map((order) => order.order_id));
    yield* differences(given, known, 'an accepted order is gone', 'an order was made that no client got an answer for');
  },
};

const prices = new Map(products.map(({ sku, price }) => [sku, price]));

export const asOrdered: Check = {
  name: 'orders hold what was ordered, at its price',
  *violations(evidence) {
    const placed = placementsByOrder(evidence);
    for (const order of ordersOf(evidence)) {
      const placement = placed.get(order.order_id);
      if (!placement) continue;
      const wanted = quantities(placement.body.lines);
      const lines = linesOf(order);
      const sold = quantities(lines);
      if (JSON.stringify(wanted) !== JSON.stringify(sold))
        yield `order ${order.order_id} has ${JSON.stringify(sold)}, ordered was ${JSON.stringify(wanted)}`;
      const total = lines.reduce((sum, { sku, quantity }) => sum + (prices.get(sku) ?? Number.NaN) * quantity, 0);
      if (total !== order.total) yield `order ${order.order_id} costs ${order.total}, its lines cost ${total}`;
    }
  },
};

export const outcomes: Check = {
  name: 'orders end as they must: confirmed only when paid and deliverable, cancelled for a true reason',
  *violations(evidence) {
    const placed = placementsByOrder(evidence);
    const cancelled = new Set(evidence.history.cancellations.map(({ orderId }) => orderId));
    const late = overdue(evidence);
    for (const order of ordersOf(evidence)) {
      const placement = placed.get(order.order_id);
      if (!placement || order.status === 'pending') continue;
      const told = `order ${order.order_id} (${placement.kind}) is ${order.status}${order.reason === null ? '' : ` (${order.reason})`}`;
      if (order.status === 'confirmed') {
        if (!mayBeConfirmed(placement.kind)) yield told;
      } else if (!isTrue(order.reason ?? '', placement, { cancelAsked: cancelled.has(order.order_id), late: late.has(order.order_id) }))
        yield told;
    }
  },
};

/** A step is given up already when the next attempt would come too late. */
const EARLY_MS = 2_000;
/** Where a breaker is open, the next attempt comes when it allows one: after 30 s, jittered by a fifth. */
const OPEN_MS = 36_000;

/** Orders of which a step was given up when its time was over, and not before: kills may take all the time there is. */
function overdue({ databases }: Evidence): Set<string> {
  const rows = databases.rows<{ id: string }>(
    'orders',
    `select saga.business_key as id from ramet_saga_log as entry
     join ramet_sagas as saga on saga.id = entry.saga_id
     join ramet_saga_steps as step on step.saga_id = entry.saga_id and step.name = entry.step
     where entry.became = 'UNKNOWN'
       and entry.at >= step.deadline_at - case when entry.detail like '% it is not tried for a while' then ? else ? end`,
    OPEN_MS,
    EARLY_MS,
  );
  return new Set(rows.map(({ id }) => id));
}

function isTrue(reason: string, { kind, body }: Placement, { cancelAsked, late }: { cancelAsked: boolean; late: boolean }): boolean {
  if (reason === 'cancelled by the customer') return cancelAsked;
  if (reason.startsWith('out of stock: ')) return body.lines.some(({ sku }) => reason.endsWith(` ${sku}`));
  if (reason === 'card declined: refused by the bank') return kind === 'declined';
  if (reason === 'card declined: insufficient funds') return kind === 'no funds';
  if (reason === 'cannot be delivered: no carrier goes to AQ') return kind === 'undeliverable';
  return reason === 'the order could not be completed in time' && late;
}

export const histories: Check = {
  name: 'the history of each order is whole and ends with it',
  *violations(evidence) {
    const entries = groupBy(
      evidence.databases.rows<{ order_id: string; seq: number; status: string; what: string }>(
        'orders',
        'select order_id, seq, status, what from order_history order by order_id, seq',
      ),
      (entry) => entry.order_id,
    );
    for (const order of ordersOf(evidence)) {
      const history = entries.get(order.order_id) ?? [];
      const whats = history.map(({ what }) => what);
      const told = `order ${order.order_id} (${order.status}): ${whats.join(', ')}`;
      if (history.length !== order.entries || history.some(({ seq }, index) => seq !== index + 1)) yield `entries are missing: ${told}`;
      if (whats[0] !== 'placed') yield `it does not begin with its placing: ${told}`;
      if (new Set(whats).size !== whats.length) yield `an entry is there twice: ${told}`;
      if (history.slice(0, -1).some(({ status }) => status !== 'pending')) yield `it continues after its end: ${told}`;
      if (history.at(-1)?.status !== order.status) yield `its last entry says otherwise: ${told}`;
      const needed = ['accepted', 'stock reserved', 'payment captured', 'shipment booked'];
      if (order.status === 'confirmed' && needed.some((what) => !whats.includes(what))) yield `something is missing: ${told}`;
    }
  },
};

export const views: Check = {
  name: 'customers see their orders as they are',
  *violations(evidence) {
    const emails = new Map(
      evidence.databases
        .rows<{ customer_id: string; email: string }>('users', 'select customer_id, email from customers')
        .map(({ customer_id, email }) => [customer_id, email]),
    );
    const orders = new Map(ordersOf(evidence).map((order) => [order.order_id, order]));
    const seen = new Set<string>();
    for (const view of evidence.history.views) {
      const order = orders.get(view.orderId);
      if (seen.has(view.orderId)) yield `order ${view.orderId} is listed twice`;
      seen.add(view.orderId);
      if (!order) yield `order ${view.orderId} is listed, but there is none`;
      else if (
        order.status !== view.status ||
        order.total !== view.total ||
        (order.reason ?? undefined) !== view.reason ||
        emails.get(order.customer_id) !== view.customer
      )
        yield `order ${view.orderId} is shown to ${view.customer} as ${JSON.stringify(view)}, and is ${JSON.stringify(order)}`;
    }
    yield* differences(new Set(orders.keys()), seen, 'an order is in no list', 'a listed order is none');
    for (const [id, { customer }] of placementsByOrder(evidence)) {
      const owner = emails.get(orders.get(id)?.customer_id ?? '');
      if (owner !== undefined && owner !== customer) yield `order ${id} of ${customer} belongs to ${owner}`;
    }
  },
};

const STREAM = /^\/api\/orders\/([^/]+)\/events$/;
/** A stream ends a little before or after the process does. */
const TOLERANCE_MS = 500;

/** What was struck is not the process that streams, but one that it asks, and hears of it later. */
const FAULT_TOLERANCE_MS = 10_000;

export const streams: Check = {
  name: 'streams tell the history of their order from its beginning, to its end unless the process ended',
  *violations({ databases, faults, history, lives }) {
    const entries = groupBy(
      databases.rows<{ order_id: string; status: string; what: string }>(
        'orders',
        'select order_id, status, what from order_history order by order_id, seq',
      ),
      (entry) => entry.order_id,
    );
    for (const { path, status, body, endedMono } of history.exchanges) {
      const orderId = STREAM.exec(path)?.[1];
      if (orderId === undefined || status !== 200) continue;
      const told = String(body ?? '')
        .split('\n')
        .filter((line) => line.startsWith('data: '))
        .map((line) => JSON.parse(line.slice('data: '.length)) as { status: string; what: string });
      const real = entries.get(orderId) ?? [];
      const words = told.map(({ what }) => what).join(', ');
      if (told.some(({ what, status: then }, index) => what !== real[index]?.what || then !== real[index]?.status))
        yield `order ${orderId} was shown as: ${words}; its history is: ${real.map(({ what }) => what).join(', ')}`;
      const ended = lives.some(
        (life) => endedMono > (life.toldMono ?? life.endedMono) - TOLERANCE_MS && endedMono < life.endedMono + TOLERANCE_MS,
      );
      const struck = faults.some((fault) => endedMono > fault.startedMono && endedMono < fault.endedMono + FAULT_TOLERANCE_MS);
      if (told.length < real.length && !ended && !struck) yield `the stream of order ${orderId} ended early, after: ${words}`;
    }
  },
};

export const cancellations: Check = {
  name: 'an accepted cancellation cancels, a refused one does not',
  *violations(evidence) {
    const orders = new Map(ordersOf(evidence).map((order) => [order.order_id, order]));
    for (const { orderId, answers } of evidence.history.cancellations) {
      const order = orders.get(orderId);
      for (const { status, body } of answers) {
        if (status === 202 && order?.status !== 'cancelled') yield `order ${orderId} is ${order?.status}, its cancellation was accepted`;
        if (status === 409 && order?.status !== 'confirmed')
          yield `order ${orderId} is ${order?.status}, its cancellation was refused as too late`;
        if (status !== 202 && status !== 409) yield `the cancellation of ${orderId} was answered ${status} ${JSON.stringify(body)}`;
      }
      if (new Set(answers.map(({ status }) => status)).size > 1)
        yield `the cancellations of ${orderId} were answered differently: ${answers.map(({ status }) => status).join(', ')}`;
    }
  },
};

function placementsByOrder({ history }: Evidence): Map<string, Placement> {
  return new Map(history.placements.flatMap((placement) => orderIdsOf(placement).map((id) => [id, placement] as const)));
}

function quantities(lines: readonly { readonly sku: string; readonly quantity: number }[]): Record<string, number> {
  const sums = new Map<string, number>();
  for (const { sku, quantity } of lines) sums.set(sku, (sums.get(sku) ?? 0) + quantity);
  return Object.fromEntries([...sums].sort(([a], [b]) => (a < b ? -1 : 1)));
}
