import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { bodyOf, CARDS, eventually, type NewOrder, type OrderEvent, type Product } from '../harness/client.ts';
import { expectAvailable, expectProblem, orderIds, type Suite } from './suite.ts';

const ISO = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;
const orderOf = (product: Product, card: string, more: Partial<NewOrder> = {}): NewOrder => ({
  lines: [{ sku: product.sku, quantity: 1 }],
  card: { number: card },
  ...more,
});

export function orders(suite: Suite): void {
  describe('an order', () => {
    test('is taken at once, then confirmed, and shows what happened to it', async () => {
      const customer = await suite.client.customer();
      const [one, two] = [suite.product(), suite.product()];
      const placed = await customer.place({
        lines: [
          { sku: one.sku, quantity: 2 },
          { sku: two.sku, quantity: 3 },
        ],
        card: { number: '4242 4242 4242 4242' },
        shipTo: { name: 'Ada Lovelace', street: 'St James’s Square 12', city: 'London', country: 'GB' },
      });
      expect(placed).toMatchObject({ status: 202, body: { orderId: expect.any(String) } });
      expect(Object.keys(placed.body)).toEqual(['orderId']);
      const order = await customer.settled(placed.body.orderId);
      expect(order).toEqual({
        orderId: placed.body.orderId,
        status: 'confirmed',
        total: 2 * one.price + 3 * two.price,
        lines: [
          { sku: one.sku, name: one.name, price: one.price, quantity: 2 },
          { sku: two.sku, name: two.name, price: two.price, quantity: 3 },
        ],
        history: expect.any(Array),
      });
      // Tests with cards that fail may have opened the circuit to the provider meanwhile.
      expect(order.history.map(({ what }) => what).filter((what) => what !== 'payment queued for retry')).toEqual([
        'placed',
        'accepted',
        'stock reserved',
        'payment captured',
        'shipment booked',
        'confirmed',
      ]);
      for (const { at } of order.history) expect(at).toMatch(ISO);
      const times = order.history.map(({ at }) => at);
      expect(times).toEqual(times.toSorted());
      expect(await suite.client.charges(order.orderId)).toEqual([
        expect.objectContaining({ reference: order.orderId, amount: order.total, status: 'captured' }),
      ]);
      await expectAvailable(suite.client, one.sku, one.available - 2);
      await expectAvailable(suite.client, two.sku, two.available - 3);
    });

    test('Prefer: wait=1 waits for a second and no longer, and an order that settles ends the wait', async () => {
      const customer = await suite.client.customer();
      const { orderId } = bodyOf(await customer.place(orderOf(suite.product(), CARDS.answersLate)), 202);
      const before = performance.now();
      expect(bodyOf(await customer.order(orderId)).status).toBe('pending');
      const asked = performance.now();
      expect(asked - before).toBeLessThan(2_000);
      expect(bodyOf(await customer.order(orderId, { wait: 1 })).status).toBe('pending');
      const waited = performance.now() - asked;
      expect(waited).toBeGreaterThan(900);
      expect(waited).toBeLessThan(4_000);
      const again = performance.now();
      expect(bodyOf(await customer.order(orderId, { wait: 30 })).status).toBe('confirmed');
      expect(performance.now() - again).toBeLessThan(20_000);
    });

    test('its events arrive as they happen and end with it, and a later client gets them all', async () => {
      const customer = await suite.client.customer();
      const { orderId } = bodyOf(await customer.place(orderOf(suite.product(), CARDS.answersLate)), 202);
      const live: OrderEvent[] = [];
      const following = customer.events(orderId, { onEvent: (event) => live.push(event) });
      await eventually(
        async () => live.map(({ what }) => what),
        (whats) => whats.includes('stock reserved'),
        4_500,
      );
      expect(live.every(({ status }) => status === 'pending')).toBe(true);
      const followed = await following;
      expect(followed).toMatchObject({ status: 200, headers: { 'content-type': expect.stringMatching(/^text\/event-stream/) } });
      const order = bodyOf(await customer.order(orderId));
      expect(order.status).toBe('confirmed');
      expect(followed.body.map(({ what, at }) => ({ what, at }))).toEqual(order.history);
      expect(followed.body.map(({ status }) => status)).toEqual([...Array(order.history.length - 1).fill('pending'), 'confirmed']);
      for (const event of followed.body) expect(Object.keys(event).toSorted()).toEqual(['at', 'status', 'what']);
      expect((await customer.events(orderId)).body).toEqual(followed.body);
    });

    test('a listener that goes away in the middle disturbs nothing', async () => {
      const customer = await suite.client.customer();
      const { orderId } = bodyOf(await customer.place(orderOf(suite.product(), CARDS.answersLate)), 202);
      const away = new AbortController();
      await expect(customer.events(orderId, { signal: away.signal, onEvent: () => away.abort() })).rejects.toThrow();
      expect((await customer.settled(orderId)).status).toBe('confirmed');
    });

    test('belongs to its customer alone: 404 for get, events and cancel, in the words for one that never was', async () => {
      const [owner, other] = await Promise.all([suite.client.customer(), suite.client.customer()]);
      const { orderId } = bodyOf(await owner.place(orderOf(suite.product(), CARDS.answersLate)), 202);
      const never = 'ord_06gzqy8ss5reh0v591fnc8nf80';
      const ask = [
        (id: string) => other.order(id),
        (id: string) => other.order(id, { wait: 3 }),
        (id: string) => other.events(id),
        (id: string) => other.cancel(id),
      ];
      for (const asks of ask) {
        const foreign = expectProblem(await asks(orderId), 404, 'NotFound');
        const unknown = expectProblem(await asks(never), 404, 'NotFound');
        expect(foreign.data).toEqual({ orderId });
        expect({ ...foreign, data: undefined, correlationId: '' }).toEqual({ ...unknown, data: undefined, correlationId: '' });
      }
      expect(await orderIds(other)).toEqual([]);
      expect((await owner.settled(orderId)).status).toBe('confirmed');
    });

    test('the list shows one’s own, the latest first, page by page to the end, and by status', async () => {
      const customer = await suite.client.customer();
      const product = suite.product();
      const placed: string[] = [];
      for (const card of [CARDS.pays, CARDS.declined, CARDS.pays, CARDS.pays, CARDS.declined]) {
        placed.push(bodyOf(await customer.place(orderOf(product, card)), 202).orderId);
      }
      const settled = await Promise.all(placed.map((orderId) => customer.settled(orderId)));
      const byId = new Map(settled.map((order) => [order.orderId, order]));
      const seen: string[] = [];
      let cursor: string | undefined;
      for (let pages = 0; ; pages++) {
        const { items, next } = bodyOf(await customer.orders({ limit: 2, ...(cursor === undefined ? {} : { cursor }) }));
        for (const item of items) {
          const { status, total, reason, lines } = byId.get(item.orderId) as (typeof settled)[0];
          expect(item).toEqual({
            orderId: item.orderId,
            status,
            total,
            placedAt: expect.stringMatching(ISO),
            first: lines[0],
            further: 0,
            ...(reason ? { reason } : {}),
          });
          seen.push(item.orderId);
        }
        cursor = next;
        if (cursor === undefined) {
          expect(pages).toBe(2);
          break;
        }
        expect(items).toHaveLength(2);
      }
      expect(seen).toEqual(placed.toReversed());
      for (const status of ['confirmed', 'cancelled', 'pending'] as const) {
        const { items } = bodyOf(await customer.orders({ status }));
        expect(items.map(({ orderId }) => orderId)).toEqual(seen.filter((orderId) => byId.get(orderId)?.status === status));
      }
      for (const query of ['status=lost', 'limit=0', 'limit=101', 'cursor=nonsense']) {
        expectProblem(await suite.client.request('GET', `/api/orders?${query}`, { token: customer.token }), 400, 'BadRequest');
      }
    });

    test('for what is not sold here is refused', async () => {
      const customer = await suite.client.customer();
      const problem = expectProblem(await customer.place({ lines: [{ sku: 'NO-SUCH', quantity: 1 }], card: { number: CARDS.pays } }), 422);
      expect(problem).toMatchObject({ code: 'UnknownProduct', data: { sku: 'NO-SUCH' } });
      expect(await orderIds(customer)).toEqual([]);
    });

    test('for more than there is ends cancelled, nothing charged and nothing held', async () => {
      const customer = await suite.client.customer();
      const product = suite.product();
      const lines = Array.from({ length: 50 }, () => ({ sku: product.sku, quantity: 99 }));
      const { orderId } = bodyOf(await customer.place({ lines, card: { number: CARDS.pays } }), 202);
      const order = await customer.settled(orderId);
      expect(order).toMatchObject({ status: 'cancelled', reason: `out of stock: ${product.sku}`, total: 4_950 * product.price });
      expect(await suite.client.charges(orderId)).toEqual([]);
      await expectAvailable(suite.client, product.sku, product.available);
    });

    test('with a number that is not a card is refused, and names the field', async () => {
      const customer = await suite.client.customer();
      const product = suite.product();
      const wrongDigit = expectProblem(await customer.place(orderOf(product, '4242424242424241')), 422, 'InvalidCard');
      expect(wrongDigit.data).toEqual({ field: 'card.number' });
      const tooShort = expectProblem(await customer.place(orderOf(product, '4242')), 400, 'BadRequest');
      expect(tooShort.errors?.map(({ path }) => path)).toEqual(['card.number']);
      expect(await orderIds(customer)).toEqual([]);
    });
  });

  describe('an Idempotency-Key', () => {
    test('must be there', async () => {
      const customer = await suite.client.customer();
      const order = orderOf(suite.product(), CARDS.pays);
      expectProblem(
        await suite.client.request('POST', '/api/orders', { body: order, token: customer.token }),
        400,
        'MissingIdempotencyKey',
      );
      for (const key of ['', 'x'.repeat(256), 'with space']) {
        const answer = await suite.client.request('POST', '/api/orders', { body: order, token: customer.token, key });
        expect(expectProblem(answer, 400).errors?.[0]?.path).toBe('idempotency-key');
      }
      expect(await orderIds(customer)).toEqual([]);
    });

    test('makes of a repeated request the same answer, also when the order is long settled', async () => {
      const customer = await suite.client.customer();
      const key = randomUUID();
      const order = orderOf(suite.product(), CARDS.pays);
      const first = await customer.place(order, key);
      expect(await customer.place(order, key)).toMatchObject({ status: 202, body: first.body });
      await customer.settled(first.body.orderId);
      expect(await customer.place(order, key)).toMatchObject({ status: 202, body: first.body });
      expect(await orderIds(customer)).toEqual([first.body.orderId]);
      expect(await suite.client.charges(first.body.orderId)).toHaveLength(1);
    });

    test('is refused with 422 for another body, and for another card', async () => {
      const customer = await suite.client.customer();
      const [one, other] = [suite.product(), suite.product()];
      const key = randomUUID();
      const { orderId } = bodyOf(await customer.place(orderOf(one, CARDS.pays), key), 202);
      const shipTo = { name: 'A', street: 'B', city: 'C', country: 'DE' };
      for (const changed of [
        orderOf(other, CARDS.pays),
        orderOf(one, CARDS.pays, { shipTo }),
        orderOf(one, CARDS.pays, { lines: [{ sku: one.sku, quantity: 2 }] }),
        orderOf(one, CARDS.failsTwice),
        orderOf(other, CARDS.declined),
      ]) {
        expectProblem(await customer.place(changed, key), 422);
      }
      expect(await orderIds(customer)).toEqual([orderId]);
      expect((await customer.settled(orderId)).total).toBe(one.price);
    });

    test('belongs to one customer', async () => {
      const [ada, grace] = await Promise.all([suite.client.customer('Ada'), suite.client.customer('Grace')]);
      const [hers, others] = [suite.product(), suite.product()];
      const key = randomUUID();
      const first = bodyOf(await ada.place(orderOf(hers, CARDS.pays), key), 202).orderId;
      const second = bodyOf(await grace.place(orderOf(others, CARDS.declined), key), 202).orderId;
      expect(second).not.toBe(first);
      expect(await ada.settled(first)).toMatchObject({ status: 'confirmed', total: hers.price });
      expect(await grace.settled(second)).toMatchObject({ status: 'cancelled', total: others.price });
      expect([await orderIds(ada), await orderIds(grace)]).toEqual([[first], [second]]);
    });

    test('makes one order of ten identical requests at once', async () => {
      const customer = await suite.client.customer();
      const product = suite.product();
      const key = randomUUID();
      const answers = await Promise.all(Array.from({ length: 10 }, () => customer.place(orderOf(product, CARDS.pays), key)));
      expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(202));
      const ids = new Set(answers.map(({ body }) => body.orderId));
      expect(ids.size).toBe(1);
      expect(await orderIds(customer)).toEqual([...ids]);
      const [orderId] = ids as unknown as [string];
      expect((await customer.settled(orderId)).status).toBe('confirmed');
      expect(await suite.client.charges(orderId)).toHaveLength(1);
      await expectAvailable(suite.client, product.sku, product.available - 1);
    });
  });

  describe('cancelling', () => {
    test('before the point of no return is taken, and everything is undone', async () => {
      const customer = await suite.client.customer();
      const product = suite.product();
      const { orderId } = bodyOf(await customer.place(orderOf(product, CARDS.answersLate)), 202);
      await eventually(
        () => suite.client.charges(orderId),
        (charges) => charges.length === 1,
      );
      expect(await customer.cancel(orderId)).toMatchObject({ status: 202 });
      expect(bodyOf(await customer.order(orderId)).status).toBe('pending');
      const order = await customer.settled(orderId);
      expect(order).toMatchObject({ status: 'cancelled', reason: 'cancelled by the customer' });
      expect(order.history.map(({ what }) => what)).toContain('cancellation requested');
      expect(await suite.client.charges(orderId)).toEqual([expect.objectContaining({ amount: product.price, status: 'refunded' })]);
      await expectAvailable(suite.client, product.sku, product.available);
      await eventually(
        () => customer.mails(),
        (mails) => mails.length === 1 && /cancelled/.test(mails[0]?.subject ?? ''),
      );
      // It is cancelled: to ask once more changes nothing.
      expect(await customer.cancel(orderId)).toMatchObject({ status: 202 });
    });

    test('after it is refused with 409', async () => {
      const customer = await suite.client.customer();
      const { orderId } = bodyOf(await customer.place(orderOf(suite.product(), CARDS.pays)), 202);
      await customer.settled(orderId);
      expect(expectProblem(await customer.cancel(orderId), 409, 'TooLate').data).toEqual({ status: 'confirmed' });
      expect(bodyOf(await customer.order(orderId)).status).toBe('confirmed');
      expect((await suite.client.charges(orderId)).map(({ status }) => status)).toEqual(['captured']);
    });

    test('at any moment does what it says: 202 is cancelled and refunded, 409 is confirmed and paid', async () => {
      const customer = await suite.client.customer();
      const product = suite.product();
      const outcomes = await Promise.all(
        Array.from({ length: 12 }, async (_, i) => {
          const { orderId } = bodyOf(await customer.place(orderOf(product, CARDS.pays)), 202);
          await new Promise((resolve) => setTimeout(resolve, i * 15));
          const { status } = await customer.cancel(orderId);
          expect([202, 409]).toContain(status);
          const order = await customer.settled(orderId);
          expect(order.status).toBe(status === 202 ? 'cancelled' : 'confirmed');
          const captured = (await suite.client.charges(orderId)).filter((charge) => charge.status === 'captured');
          expect(captured.map(({ amount }) => amount)).toEqual(status === 202 ? [] : [product.price]);
          return order.status;
        }),
      );
      await expectAvailable(suite.client, product.sku, product.available - outcomes.filter((status) => status === 'confirmed').length);
    });
  });
}
