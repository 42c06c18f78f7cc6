import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Answer, bodyOf, CARDS, type Customer, eventually, type Page, type Product } from '../harness/client.ts';
import { expectAvailable, expectProblem, type Suite } from './suite.ts';

type Status = 'waiting' | 'allocated' | 'confirmed' | 'cancelled';
interface Preorder {
  readonly preorderId: string;
  readonly status: Status;
  readonly reason?: string;
  readonly sku: string;
  readonly name: string;
  readonly price: number;
  readonly quantity: number;
  readonly total: number;
  readonly history: readonly { readonly at: string; readonly what: string }[];
}

const NEVER = 'pre_06gzqy8ss5reh0v591fnc8nf80';

/** What customers want that is not there, as a choreography: goods, money and cancellations meet in any order. */
export function preorders(suite: Suite): void {
  const place = (by: Customer, sku: string, quantity: number, card: string = CARDS.pays, key: string | undefined = randomUUID()) =>
    by.client.request<{ preorderId: string }>('POST', '/api/preorders', {
      body: { sku, quantity, card: { number: card } },
      token: by.token,
      key,
    });
  const get = (by: Customer, preorderId: string): Promise<Answer<Preorder>> =>
    by.client.request('GET', `/api/preorders/${preorderId}`, { token: by.token });
  const cancel = (by: Customer, preorderId: string) =>
    by.client.request('POST', `/api/preorders/${preorderId}/cancel`, { token: by.token });
  const follow = (by: Customer, preorderId: string) =>
    by.client.follow<{ status: Status; what: string; at: string }>(`/api/preorders/${preorderId}/events`, { token: by.token });
  const ended = async (by: Customer, preorderId: string): Promise<Preorder> => {
    expect((await follow(by, preorderId)).status).toBe(200);
    return bodyOf(await get(by, preorderId));
  };
  const until = (by: Customer, preorderId: string, status: Status) =>
    eventually(
      async () => bodyOf(await get(by, preorderId)),
      (preorder) => preorder.status === status,
    );
  const mailed = (by: Customer, subject: string) =>
    eventually(
      () => by.mails(),
      (mails) => mails.filter((mail) => mail.subject === subject).length === 1,
    );
  const deliver = (sku: string, quantity: number) => suite.shop.operator('receive', sku, String(quantity));

  /** A product of which nothing is left: another customer has bought it all. */
  async function soldOut(): Promise<{ product: Product; customer: Customer }> {
    const [customer, product] = [await suite.client.customer(), suite.product()];
    const lines = [];
    for (let left = product.available; left > 0; left -= 99) lines.push({ sku: product.sku, quantity: Math.min(99, left) });
    const { orderId } = bodyOf(await customer.place({ lines, card: { number: CARDS.pays } }), 202);
    expect((await customer.settled(orderId)).status).toBe('confirmed');
    return { product, customer: await suite.client.customer() };
  }

  describe('a pre-order', () => {
    test('waits for the next delivery, is paid then, and shows each step', async () => {
      const { product, customer } = await soldOut();
      const { preorderId } = bodyOf(await place(customer, product.sku, 2), 202);
      const following = follow(customer, preorderId);
      const { sku, name, price } = product;
      const shown = { preorderId, sku, name, price, quantity: 2, total: 2 * price };
      expect(bodyOf(await get(customer, preorderId))).toEqual({
        ...shown,
        status: 'waiting',
        history: [{ at: expect.any(String), what: 'placed' }],
      });
      expect(await suite.client.charges(preorderId)).toEqual([]);
      await deliver(sku, 5);
      const told = await following;
      expect(told.body.map(({ what }) => what)).toEqual(['placed', 'goods set aside', 'payment captured', 'confirmed']);
      expect(told.body.map(({ status }) => status)).toEqual(['waiting', 'allocated', 'allocated', 'confirmed']);
      const history = told.body.map(({ at, what }) => ({ at, what }));
      expect(bodyOf(await get(customer, preorderId))).toEqual({ ...shown, status: 'confirmed', history });
      expect(await suite.client.charges(preorderId)).toEqual([expect.objectContaining({ amount: 2 * price, status: 'captured' })]);
      await expectAvailable(suite.client, sku, 3);
      await mailed(customer, `Your pre-order ${preorderId} is confirmed`);
      expectProblem(await cancel(customer, preorderId), 409, 'TooLate');
    });

    test('of two, the first one gets what comes in, and the other one waits on', async () => {
      const { product, customer } = await soldOut();
      const first = bodyOf(await place(customer, product.sku, 3), 202).preorderId;
      const second = bodyOf(await place(customer, product.sku, 1), 202).preorderId;
      await deliver(product.sku, 2);
      await expectAvailable(suite.client, product.sku, 2);
      expect([bodyOf(await get(customer, first)).status, bodyOf(await get(customer, second)).status]).toEqual(['waiting', 'waiting']);
      await deliver(product.sku, 1);
      expect((await ended(customer, first)).status).toBe('confirmed');
      expect(bodyOf(await get(customer, second)).status).toBe('waiting');
      expect(await cancel(customer, second)).toMatchObject({ status: 202 });
    });

    test('whose card is declined is cancelled, and the goods go to the next customer in line', async () => {
      const { product, customer } = await soldOut();
      const poor = bodyOf(await place(customer, product.sku, 2, CARDS.lacksFunds), 202).preorderId;
      const next = bodyOf(await place(customer, product.sku, 2), 202).preorderId;
      await deliver(product.sku, 2);
      const preorder = await ended(customer, poor);
      expect(preorder).toMatchObject({ status: 'cancelled', reason: 'card declined: insufficient funds' });
      expect(preorder.history.map(({ what }) => what)).toEqual([
        'placed',
        'goods set aside',
        'cancelled: card declined: insufficient funds',
      ]);
      expect((await ended(customer, next)).status).toBe('confirmed');
      await mailed(customer, `Your pre-order ${poor} is cancelled`);
      await expectAvailable(suite.client, product.sku, 0);
    });

    test('is cancelled while it waits, and then nothing is charged when the goods come in', async () => {
      const { product, customer } = await soldOut();
      const { preorderId } = bodyOf(await place(customer, product.sku, 2), 202);
      expect(await cancel(customer, preorderId)).toMatchObject({ status: 202, body: { preorderId } });
      expect(await cancel(customer, preorderId)).toMatchObject({ status: 202 });
      expect(await ended(customer, preorderId)).toMatchObject({ status: 'cancelled', reason: 'cancelled by the customer' });
      await mailed(customer, `Your pre-order ${preorderId} is cancelled`);
      await deliver(product.sku, 2);
      await expectAvailable(suite.client, product.sku, 2);
      expect(await suite.client.charges(preorderId)).toEqual([]);
    });

    test('is cancelled while its card is being charged, and the money goes back', async () => {
      const [customer, product] = [await suite.client.customer(), suite.product()];
      const { preorderId } = bodyOf(await place(customer, product.sku, 1, CARDS.answersLate), 202);
      await eventually(
        () => suite.client.charges(preorderId),
        (charges) => charges.length === 1,
      );
      expect(await cancel(customer, preorderId)).toMatchObject({ status: 202 });
      expect((await ended(customer, preorderId)).status).toBe('cancelled');
      await expectAvailable(suite.client, product.sku, product.available);
      const { history } = await eventually(
        async () => bodyOf(await get(customer, preorderId)),
        (preorder) => preorder.history.some(({ what }) => what === 'payment refunded'),
      );
      expect(history.map(({ what }) => what)).toEqual(['placed', 'goods set aside', 'cancelled by the customer', 'payment refunded']);
      expect((await suite.client.charges(preorderId)).map(({ status }) => status)).toEqual(['refunded']);
    });

    test('cancelled at any moment does what the answer says: 202 is cancelled and unpaid, 409 is confirmed and paid', async () => {
      const [customer, product] = [await suite.client.customer(), suite.product()];
      const outcomes = await Promise.all(
        Array.from({ length: 10 }, async (_, i) => {
          const { preorderId } = bodyOf(await place(customer, product.sku, 1), 202);
          await new Promise((resolve) => setTimeout(resolve, i * 15));
          const { status } = await cancel(customer, preorderId);
          expect([202, 409]).toContain(status);
          await until(customer, preorderId, status === 202 ? 'cancelled' : 'confirmed');
          const kept = status === 202 ? [] : [product.price];
          await eventually(
            async () =>
              (await suite.client.charges(preorderId)).filter((charge) => charge.status === 'captured').map(({ amount }) => amount),
            (captured) => captured.join() === kept.join(),
          );
          return status;
        }),
      );
      await expectAvailable(suite.client, product.sku, product.available - outcomes.filter((status) => status === 409).length);
    });

    test('is one pre-order however often its request is repeated; another body, or another card, is refused', async () => {
      const { product, customer } = await soldOut();
      const key = randomUUID();
      const answers = await Promise.all(Array.from({ length: 5 }, () => place(customer, product.sku, 1, CARDS.pays, key)));
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expectProblem(await place(customer, product.sku, 2, CARDS.pays, key), 422);
      expectProblem(await place(customer, product.sku, 1, CARDS.declined, key), 422);
      const { items } = bodyOf(await suite.client.request<Page<Preorder>>('GET', '/api/preorders', { token: customer.token }));
      expect(items).toHaveLength(1);
    });

    test('is listed to its customer only, the latest first, page by page', async () => {
      const { product, customer } = await soldOut();
      const placed: string[] = [];
      for (let i = 0; i < 3; i++) placed.unshift(bodyOf(await place(customer, product.sku, 1), 202).preorderId);
      const page = async (query: string) =>
        bodyOf(await suite.client.request<Page<Preorder>>('GET', `/api/preorders?${query}`, { token: customer.token }));
      const first = await page('limit=2');
      const second = await page(`limit=2&cursor=${first.next}`);
      expect([...first.items, ...second.items].map(({ preorderId }) => preorderId)).toEqual(placed);
      expect(second.next).toBeUndefined();
      const other = await suite.client.customer();
      for (const preorderId of [placed[0] as string, NEVER])
        for (const asks of [get, follow, cancel]) expectProblem(await asks(other, preorderId), 404, 'NotFound');
    });

    test('of what is not sold here, with a number that is not a card, or without a key is refused', async () => {
      const customer = await suite.client.customer();
      const { sku } = suite.product();
      expect(expectProblem(await place(customer, 'NO-SUCH', 1), 422, 'UnknownProduct').data).toEqual({ sku: 'NO-SUCH' });
      expect(expectProblem(await place(customer, sku, 1, '4242424242424241'), 422, 'InvalidCard').data).toEqual({ field: 'card.number' });
      expectProblem(await place(customer, sku, 0), 400, 'BadRequest');
      const body = { sku, quantity: 1, card: { number: CARDS.pays } };
      expectProblem(await suite.client.request('POST', '/api/preorders', { body, token: customer.token }), 400);
    });
  });
}
