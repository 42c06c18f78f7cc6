import { describe, expect, test } from 'vitest';
import { bodyOf, CARDS, type Customer, eventually, ShopClient } from '../harness/client.ts';
import { everyProduct, type Shop, type Suite } from './suite.ts';

interface Home {
  readonly customer: { readonly name: string; readonly guest: boolean };
  readonly products: readonly { readonly sku: string }[];
}

/** What the shop still does when something that it needs is down. */
export function fallbacks(suite: Suite): void {
  const home = (customer: Customer) => customer.client.request<Home>('GET', '/api/home', { token: customer.token });
  const opened = async (env: Record<string, string> = {}): Promise<{ shop: Shop; client: ShopClient } & AsyncDisposable> => {
    const shop = await suite.startShop({ env });
    const client = new ShopClient(shop);
    return {
      shop,
      client,
      async [Symbol.asyncDispose]() {
        client.close();
        await shop[Symbol.asyncDispose]();
      },
    };
  };

  describe('the shop window', () => {
    test('greets a customer by name', async () => {
      const customer = await suite.client.customer('Grace Hopper');
      const { customer: greeted, products } = bodyOf(await home(customer));
      expect(greeted).toEqual({ name: 'Grace Hopper', guest: false });
      expect(products).toHaveLength(12);
      expect(await suite.client.request('GET', '/api/home')).toMatchObject({ status: 401 });
    });

    test('takes a customer for a guest while users cannot be asked, and the circuit to them opens', async () => {
      await using other = await opened({ SHOP_UNREACHABLE: 'users.standing' });
      const customer = await other.client.customer();
      for (let i = 0; i < 8; i++) {
        const { customer: greeted, products } = bodyOf(await home(customer));
        expect(greeted).toEqual({ name: 'guest', guest: true });
        expect(products).toHaveLength(12);
      }
      const shown = await other.shop.metrics();
      expect(shown).toMatch(/^ramet_call_fallbacks_total\{edge="web->users",operation="standing"\} 8$/m);
      expect(shown).toMatch(/^ramet_circuit_state\{edge="web->users",operation="standing"\} 2$/m);
      expect(other.shop.output).toContain('"event":"circuit_opened"');
      // What needs the answer itself is refused, at once.
      const product = (await everyProduct(other.client))[0] as { sku: string };
      const refused = await customer.place({ lines: [{ sku: product.sku, quantity: 1 }], card: { number: CARDS.pays } });
      expect(refused.status).toBe(503);
    });
  });

  test('a payment is queued while the circuit to the provider is open, and made when it closes', async () => {
    await using other = await opened();
    const customer = await other.client.customer();
    const products = await eventually(
      () => everyProduct(other.client),
      (all) => all.some(({ available }) => available > 20),
    );
    const { sku } = products.find(({ available }) => available > 20) as { sku: string };
    const place = async (card: string) =>
      bodyOf(await customer.place({ lines: [{ sku, quantity: 1 }], card: { number: card } }), 202).orderId;
    // Five charges whose answers are lost: each took place, which a look-up finds out.
    const lost = await Promise.all(Array.from({ length: 5 }, () => place(CARDS.chargesAndDrops)));
    await eventually(
      () => other.shop.metrics(),
      (shown) => /^ramet_circuit_state\{edge="payments->payment-provider",operation="POST \/charges"\} 2$/m.test(shown),
    );
    const orderId = await place(CARDS.pays);
    const waiting = await eventually(
      async () => bodyOf(await customer.order(orderId)),
      ({ history }) => history.some(({ what }) => what === 'payment queued for retry'),
      5_000,
    );
    expect(waiting.status).toBe('pending');
    const order = await customer.settled(orderId);
    expect(order.history.map(({ what }) => what)).toEqual([
      'placed',
      'accepted',
      'stock reserved',
      'payment queued for retry',
      'payment captured',
      'shipment booked',
      'confirmed',
    ]);
    for (const id of lost) expect((await customer.settled(id)).status).toBe('confirmed');
    expect((await other.client.charges(orderId)).map(({ status }) => status)).toEqual(['captured']);
  });
}
