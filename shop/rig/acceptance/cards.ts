import { beforeAll, describe, expect, test } from 'vitest';
import {
  ANTARCTICA,
  bodyOf,
  CARDS,
  type Charge,
  type Customer,
  eventually,
  type NewOrder,
  type Order,
  type Product,
} from '../harness/client.ts';
import { expectAvailable, type Suite } from './suite.ts';

interface Expected {
  readonly status: 'confirmed' | 'cancelled';
  readonly reason?: string;
  /** What the provider's books must say in the end. */
  readonly charged: readonly Charge['status'][];
}

interface Placed {
  readonly customer: Customer;
  readonly product: Product;
  readonly orderId: string;
  readonly order: Promise<Order>;
}

const QUANTITY = 2;
const OUT_OF_TIME = 'the order could not be completed in time';

/**
 * Every test card with its right end: the order's, the provider's, the warehouse's and the customer's mail.
 * @returns describes the ends of the slow ones, which are placed first of all: to be called last
 */
export function cards(suite: Suite): () => void {
  const place = async (card: string, more: Partial<NewOrder> = {}): Promise<Placed> => {
    const [customer, product] = [await suite.client.customer(), suite.product()];
    const lines = [{ sku: product.sku, quantity: QUANTITY }];
    const { orderId } = bodyOf(await customer.place({ lines, card: { number: card }, ...more }), 202);
    const order = customer.settled(orderId, 120_000);
    // It is awaited later; until then its failure must not count as unhandled.
    order.catch(() => {});
    return { customer, product, orderId, order };
  };

  const expectEnd = async ({ customer, product, orderId, order: settling }: Placed, { status, reason, charged }: Expected) => {
    const order = await settling;
    const total = QUANTITY * product.price;
    expect(order).toMatchObject({ orderId, status, total, ...(reason === undefined ? {} : { reason }) });
    expect(Object.hasOwn(order, 'reason')).toBe(reason !== undefined);
    const charges = await suite.client.charges(orderId);
    expect(charges.map((charge) => charge.status)).toEqual(charged);
    for (const charge of charges) expect(charge).toMatchObject({ amount: total, reference: orderId, chargeId: expect.stringMatching(/./) });
    const mails = await eventually(
      () => customer.mails(),
      (found) => found.length > 0,
    );
    // No kill, no repeat: one mail for the one thing that the customer is notified of.
    expect(mails).toHaveLength(1);
    expect(mails[0]).toMatchObject({ messageId: expect.stringMatching(/^<.+@.+>$/), to: [customer.email] });
    expect(mails[0]?.subject).toBe(`Your order ${orderId} is ${status}`);
    await expectAvailable(suite.client, product.sku, product.available - (status === 'confirmed' ? QUANTITY : 0));
  };

  const quick: [string, string, Expected][] = [
    ['4242424242424242 pays', CARDS.pays, { status: 'confirmed', charged: ['captured'] }],
    [
      '4000000000000002 is declined',
      CARDS.declined,
      { status: 'cancelled', reason: 'card declined: refused by the bank', charged: ['declined'] },
    ],
    [
      '4000000000009995 lacks funds',
      CARDS.lacksFunds,
      { status: 'cancelled', reason: 'card declined: insufficient funds', charged: ['declined'] },
    ],
    ['4000000000000119 charges and then drops the connection', CARDS.chargesAndDrops, { status: 'confirmed', charged: ['captured'] }],
    ['4000000000000432 fails twice with 503 and then pays', CARDS.failsTwice, { status: 'confirmed', charged: ['captured'] }],
    ['any other card pays', '5555555555554444', { status: 'confirmed', charged: ['captured'] }],
  ];

  let slow: { late: Placed; drops: Placed };
  beforeAll(async () => {
    const [late, drops] = await Promise.all([place(CARDS.answersLate), place(CARDS.dropsWithoutCharge)]);
    slow = { late, drops };
  });

  describe('the card', () => {
    test.each(quick)('%s', async (_, card, expected) => expectEnd(await place(card), expected));

    test('an order that cannot be delivered is refunded after it was paid', async () => {
      const placed = await place(CARDS.pays, { shipTo: ANTARCTICA });
      await expectEnd(placed, { status: 'cancelled', reason: 'cannot be delivered: no carrier goes to AQ', charged: ['refunded'] });
      const history = (await placed.order).history.map(({ what }) => what);
      expect(history.at(-1)).toMatch(/^cancelled: /);
      // Events that arrive after the order has ended cause no mail: on a busy machine one of these may be missing.
      const undone = ['payment captured', 'payment refunded', 'stock released'];
      expect(history.filter((what) => undone.includes(what)).length).toBeGreaterThanOrEqual(1);
      expect(history).not.toContain('shipment booked');
    });
  });

  return () =>
    describe('the slow card', () => {
      test('4000000000000259 answers after 5 s, charged', () => expectEnd(slow.late, { status: 'confirmed', charged: ['captured'] }));

      test('4000000000000341 drops the connection without charging', { timeout: 150_000 }, () =>
        expectEnd(slow.drops, { status: 'cancelled', reason: OUT_OF_TIME, charged: [] }),
      );
    });
}
