import { randomUUID } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { type Answer, bodyOf, CARDS, type Customer, eventually, type Product } from '../harness/client.ts';
import { expectAvailable, expectProblem, type Suite } from './suite.ts';

interface Return {
  readonly returnId: string;
  readonly orderId: string;
  readonly status: 'requested' | 'received' | 'refunded' | 'refused' | 'completed';
  readonly reason?: string;
  readonly refund?: number;
  readonly lines: readonly { readonly sku: string; readonly quantity: number }[];
  readonly because: string;
  readonly history: readonly { readonly at: string; readonly what: string }[];
}
type Asked = { lines?: { sku: string; quantity: number }[]; reason?: string };

const NEVER = 'ret_06gzqy8ss5reh0v591fnc8nf80';
const DONE = ['requested', 'approved', 'goods received', 'payment refunded', 'completed'];

/** What customers send back, as a choreography: the request is always taken, and events report its outcome. */
export function returns(suite: Suite): void {
  const ask = (by: Customer, orderId: string, { lines, reason = 'too green' }: Asked = {}, key: string | undefined = randomUUID()) =>
    by.client.request<{ returnId: string }>('POST', `/api/orders/${orderId}/returns`, {
      body: { reason, ...(lines ? { lines } : {}) },
      token: by.token,
      key,
    });
  const get = (by: Customer, returnId: string): Promise<Answer<Return>> =>
    by.client.request('GET', `/api/returns/${returnId}`, { token: by.token });
  const ofOrder = async (by: Customer, orderId: string) =>
    bodyOf(await by.client.request<{ items: Return[] }>('GET', `/api/orders/${orderId}/returns`, { token: by.token })).items;
  const follow = (by: Customer, returnId: string) =>
    by.client.follow<{ status: string; what: string; at: string }>(`/api/returns/${returnId}/events`, { token: by.token });
  const ended = async (by: Customer, orderId: string, asked: Asked = {}): Promise<Return> => {
    const { returnId } = bodyOf(await ask(by, orderId, asked), 202);
    expect((await follow(by, returnId)).status).toBe(200);
    return bodyOf(await get(by, returnId));
  };

  /** An order that is confirmed, and shown as sold. */
  async function bought(card: string = CARDS.pays, quantities: readonly number[] = [3]) {
    const customer = await suite.client.customer();
    const products = quantities.map(() => suite.product());
    const lines = products.map(({ sku }, index) => ({ sku, quantity: quantities[index] as number }));
    const { orderId } = bodyOf(await customer.place({ lines, card: { number: card } }), 202);
    expect((await customer.settled(orderId)).status).toBe('confirmed');
    const [product] = products as [Product];
    return { customer, orderId, product, products };
  }
  const chargeOf = async (orderId: string) => (await suite.client.charges(orderId))[0];

  describe('a return', () => {
    test('of some pieces brings their money back and the goods into the shop, and shows each step', async () => {
      const { customer, orderId, product } = await bought();
      const { returnId } = bodyOf(await ask(customer, orderId, { lines: [{ sku: product.sku, quantity: 2 }] }), 202);
      const told = await follow(customer, returnId);
      expect(told.headers['content-type']).toMatch(/^text\/event-stream/);
      expect(told.body.map(({ what }) => what)).toEqual(DONE);
      expect(told.body.map(({ status }) => status)).toEqual(['requested', 'requested', 'received', 'refunded', 'completed']);
      expect(bodyOf(await get(customer, returnId))).toEqual({
        returnId,
        orderId,
        status: 'completed',
        refund: 2 * product.price,
        lines: [{ sku: product.sku, quantity: 2 }],
        because: 'too green',
        history: told.body.map(({ what, at }) => ({ what, at })),
      });
      expect(await chargeOf(orderId)).toMatchObject({ status: 'captured', amount: 3 * product.price, refunded: 2 * product.price });
      await expectAvailable(suite.client, product.sku, product.available - 1);
      const mails = await eventually(
        () => customer.mails(),
        (found) => found.length === 2,
      );
      const mail = mails.find(({ subject }) => subject === `Your return ${returnId} is completed`);
      expect(mail?.text).toContain(`EUR ${((2 * product.price) / 100).toFixed(2)} went back`);
    });

    test('without lines is of everything that is left, and then there is nothing left', async () => {
      const { customer, orderId, products } = await bought(CARDS.pays, [1, 2]);
      const [one, two] = products as [Product, Product];
      expect(await ended(customer, orderId, { lines: [{ sku: two.sku, quantity: 1 }] })).toMatchObject({ refund: two.price });
      expect(await ended(customer, orderId)).toMatchObject({
        status: 'completed',
        refund: one.price + two.price,
        lines: [one, two].map(({ sku }) => ({ sku, quantity: 1 })),
      });
      expect(await chargeOf(orderId)).toMatchObject({ status: 'refunded' });
      for (const { sku, available } of products) await expectAvailable(suite.client, sku, available);
      expect(await ended(customer, orderId)).toMatchObject({ status: 'refused', reason: 'everything was returned already', lines: [] });
      expect((await ofOrder(customer, orderId)).map(({ status }) => status)).toEqual(['completed', 'completed', 'refused']);
      // The order was what it was.
      expect(bodyOf(await customer.order(orderId)).status).toBe('confirmed');
    });

    test('is one return however often its request is repeated, and needs a key', async () => {
      const { customer, orderId, product } = await bought();
      const key = randomUUID();
      const lines = [{ sku: product.sku, quantity: 1 }];
      const answers = await Promise.all(Array.from({ length: 5 }, () => ask(customer, orderId, { lines }, key)));
      expect(new Set(answers.map(({ status, text }) => `${status} ${text}`)).size).toBe(1);
      expect(await ofOrder(customer, orderId)).toHaveLength(1);
      expectProblem(await ask(customer, orderId, {}, key), 422);
      const keyless = { body: { reason: 'too green' }, token: customer.token };
      expectProblem(await suite.client.request('POST', `/api/orders/${orderId}/returns`, keyless), 400);
    });

    test('of more than was bought, in one request or in many at once, is refused and moves nothing', async () => {
      const { customer, orderId, product } = await bought();
      const all = [{ sku: product.sku, quantity: 4 }];
      expect(await ended(customer, orderId, { lines: all })).toMatchObject({
        status: 'refused',
        reason: `more than there is to return: ${product.sku}`,
      });
      const some = await Promise.all(
        Array.from({ length: 5 }, () => ended(customer, orderId, { lines: [{ sku: product.sku, quantity: 1 }] })),
      );
      expect(some.map(({ status }) => status).toSorted()).toEqual(['completed', 'completed', 'completed', 'refused', 'refused']);
      expect(await chargeOf(orderId)).toMatchObject({ status: 'refunded' });
      await expectAvailable(suite.client, product.sku, product.available);
    });

    test('of an order that is not confirmed is refused, and says why by mail', async () => {
      const customer = await suite.client.customer();
      const lines = [{ sku: suite.product().sku, quantity: 1 }];
      const { orderId } = bodyOf(await customer.place({ lines, card: { number: CARDS.declined } }), 202);
      await customer.settled(orderId);
      const { returnId, reason, history } = await ended(customer, orderId);
      expect(reason).toBe('the order is not confirmed');
      expect(history.map(({ what }) => what)).toEqual(['requested', 'refused: the order is not confirmed']);
      await eventually(
        () => customer.mails(),
        (mails) => mails.some(({ subject, text }) => subject === `Your return ${returnId} is refused` && text.includes('not confirmed')),
      );
    });

    test('of another customer’s order is refused in the words for one that never was, and belongs to its customer alone', async () => {
      const { customer: owner, orderId } = await bought();
      const other = await suite.client.customer();
      const foreign = await ended(other, orderId);
      const unknown = await ended(other, 'ord_06gzqy8ss5reh0v591fnc8nf80');
      expect([foreign.reason, unknown.reason]).toEqual(Array(2).fill('there is no such order of yours'));
      expect(await ofOrder(owner, orderId)).toEqual([]);
      const own = await ended(owner, orderId);
      expect(own.status).toBe('completed');
      expect((await ofOrder(other, orderId)).map(({ returnId }) => returnId)).toEqual([foreign.returnId]);
      for (const returnId of [own.returnId, NEVER]) {
        expectProblem(await get(other, returnId), 404, 'NotFound');
        expectProblem(await follow(other, returnId), 404, 'NotFound');
      }
    });

    test('that comes back worn out is refused, the money stays, and the customer may ask again', async () => {
      const { customer, orderId, product } = await bought();
      const worn = await ended(customer, orderId, { reason: 'They are worn out.' });
      expect(worn).toMatchObject({ status: 'refused', reason: 'the goods came back worn out' });
      expect(worn).not.toHaveProperty('refund');
      expect(await chargeOf(orderId)).not.toHaveProperty('refunded');
      await expectAvailable(suite.client, product.sku, product.available - 3);
      expect((await ended(customer, orderId)).status).toBe('completed');
    });

    test('whose money cannot go back in part is refused, and the whole is not', async () => {
      const { customer, orderId, product } = await bought(CARDS.noPartialRefunds);
      const part = await ended(customer, orderId, { lines: [{ sku: product.sku, quantity: 1 }] });
      expect(part).toMatchObject({ status: 'refused', reason: 'the bank of the card takes no refund in part' });
      expect(part.history.map(({ what }) => what)).toContain('goods received');
      await expectAvailable(suite.client, product.sku, product.available - 3);
      expect((await ended(customer, orderId)).status).toBe('completed');
      expect(await chargeOf(orderId)).toMatchObject({ status: 'refunded' });
      await expectAvailable(suite.client, product.sku, product.available);
    });

    test('that makes no sense is refused at once', async () => {
      const customer = await suite.client.customer();
      for (const body of [{}, { reason: '' }, { reason: 'x', lines: [] }, { reason: 'x', lines: [{ sku: 'A', quantity: 0 }] }]) {
        const answer = await suite.client.request('POST', '/api/orders/ord_1/returns', { body, token: customer.token, key: randomUUID() });
        expectProblem(answer, 400, 'BadRequest');
      }
      const path = '/api/orders/ord_1/returns';
      expectProblem(await suite.client.request('POST', path, { body: { reason: 'x' }, key: randomUUID() }), 401);
    });
  });
}
