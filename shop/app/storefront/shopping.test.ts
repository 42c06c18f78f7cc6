import { expect, test } from 'vitest';
import { bodyOf, CARDS, eventually } from '../../rig/harness/client.ts';
import { describeInBrowser, placeOrder, shows, signIn, stages, toCheckout } from './browser.fixture.ts';

describeInBrowser('a customer', (storefront) => {
  test('looks around by department and by price, and sees more on request', async () => {
    const page = await storefront.open();
    const cards = page.locator('.card a');
    await cards.first().waitFor();
    expect(await cards.count()).toBe(24);
    await page.getByRole('button', { name: 'Show more' }).click();
    await cards.nth(47).waitFor();
    await page.getByRole('link', { name: 'Kitchen' }).click();
    await page.getByRole('heading', { name: 'Kitchen' }).waitFor();
    await page.getByLabel('Sort by').selectOption('Price, lowest first');
    await page.waitForURL(/category=kitchen&sort=price/);
    await eventually(
      () => page.locator('.card .amount').allTextContents(),
      (prices) => prices.length > 10 && prices.every((price, i) => i === 0 || cents(prices[i - 1]) <= cents(price)),
    );
    await page.goBack();
    await page.goBack();
    await page.getByRole('heading', { name: 'Things that are made to last' }).waitFor();
    await cards.nth(47).waitFor();
  });

  test('searches while typing: the address has the words, and opening it repeats the search', async () => {
    const page = await storefront.open();
    await page.locator('.card a').first().waitFor();
    const box = page.getByRole('searchbox', { name: 'Search products' });
    let asked = 0;
    page.on('request', (request) => {
      if (request.url().includes('query=')) asked++;
    });
    await box.pressSequentially('headpho', { delay: 20 });
    await page.waitForURL(/\?q=headpho$/);
    await page.getByRole('heading', { name: 'Results for “headpho”' }).waitFor();
    await eventually(
      () => page.locator('.card-name').allTextContents(),
      (names) => names.length > 2 && names.some((name) => /headphone/i.test(name)),
    );
    expect(asked).toBe(1);
    const other = await storefront.open({ path: new URL(page.url()).search.replace(/^/, '/') });
    await other.getByRole('heading', { name: 'Results for “headpho”' }).waitFor();
    expect(await other.getByRole('searchbox').inputValue()).toBe('headpho');
    await box.fill('no such thing at all');
    await page.getByRole('heading', { name: 'Nothing found' }).waitFor();
    await page.getByRole('link', { name: 'See everything' }).click();
    await page.locator('.card a').first().waitFor();
    expect(await box.inputValue()).toBe('');
  });

  test('registers on the way to an order, pays, and sees it confirmed as it happens', async () => {
    const page = await storefront.open({ path: '/p/BOK-0003' });
    const product = await storefront.client.product('BOK-0003');
    await page.getByRole('heading', { name: product.name }).waitFor();
    await page.getByRole('button', { name: `One more of ${product.name}` }).click();
    await page.getByRole('button', { name: 'Add to cart' }).click();
    await page.getByRole('link', { name: 'Cart, 2 items' }).click();
    await page.getByLabel(`Quantity of ${product.name}`, { exact: true }).and(page.locator('input')).fill('3');
    await shows(page, `€${((3 * product.price) / 100).toFixed(2)}`);
    await page.reload();
    await page.getByRole('link', { name: 'Check out' }).click();

    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByRole('button', { name: 'Create an account' }).click();
    expect(await page.getByLabel('Name').getAttribute('aria-invalid')).toBe('true');
    await page.getByLabel('Name').fill('Ada Lovelace');
    await page.getByLabel('Email').fill(`${Date.now()}@example.org`);
    await page.getByLabel('Password').fill('correct horse');
    await page.getByRole('button', { name: 'Create an account' }).click();

    await page.waitForURL(/\/checkout$/);
    await page.getByRole('button', { name: 'Use an example' }).click();
    await page.getByRole('button', { name: /^Slow/ }).click();
    const orderId = await placeOrder(page);
    await shows(page, 'Waiting for your bank…');
    expect(await stages(page)).toEqual(['Placed: done', 'Reserved: done', 'Paid: under way', 'Shipped: not yet', 'Confirmed: not yet']);
    await shows(page, 'Your order is confirmed.');
    expect(await stages(page)).toEqual(['Placed: done', 'Reserved: done', 'Paid: done', 'Shipped: done', 'Confirmed: done']);
    expect(await storefront.client.charges(orderId)).toMatchObject([{ amount: 3 * product.price, status: 'captured' }]);
    expect(await page.getByRole('link', { name: /^Cart/ }).getAttribute('aria-label')).toBe('Cart, 0 items');
    await page.getByRole('link', { name: 'Orders' }).click();
    await page.locator('.row', { hasText: 'Confirmed' }).click();
    await shows(page, 'Your order is confirmed.');
  });

  test('whose card is declined reads why, and that nothing is left to pay', async () => {
    const page = await storefront.open();
    await toCheckout(storefront, page, { sku: 'BOK-0004' }, /^Declined/);
    await placeOrder(page);
    await shows(page, 'Your order was cancelled. Card declined: refused by the bank.');
    expect(await stages(page)).toEqual(['Placed: done', 'Reserved: undone', 'Paid: failed', 'Shipped: not needed', 'Cancelled: failed']);
    await page.getByRole('button', { name: 'Try another card' }).click();
    await page.waitForURL(/\/checkout$/);
    await page.getByRole('button', { name: /^Place order/ }).waitFor();
  });

  test('to whom nothing can be shipped sees that it was refunded and put back', async () => {
    const page = await storefront.open();
    await toCheckout(storefront, page, { sku: 'BOK-0005' }, /^Pays/);
    await page.getByLabel('Country').selectOption('AQ');
    const orderId = await placeOrder(page);
    await shows(page, 'Your order was cancelled. Cannot be delivered: no carrier goes to Antarctica.');
    expect(await stages(page)).toEqual(['Placed: done', 'Reserved: undone', 'Paid: undone', 'Shipped: failed', 'Cancelled: failed']);
    await eventually(
      () => storefront.client.charges(orderId),
      ([charge]) => charge?.status === 'refunded',
    );
  });

  test('cancels an order that is under way', async () => {
    const page = await storefront.open();
    await toCheckout(storefront, page, { sku: 'BOK-0006' }, /^Slow/);
    await placeOrder(page);
    const cancel = page.getByRole('main').getByRole('button', { name: 'Cancel order' });
    await cancel.click();
    await page.getByRole('button', { name: 'Keep it' }).click();
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    // The first attempt does not reach the shop: it is not done, and shown as not done until the customer acts.
    const keys: (string | undefined)[] = [];
    await page.route('**/api/orders/*/cancel', (route) => {
      keys.push(route.request().headers()['idempotency-key']);
      return keys.length === 1 ? route.abort() : route.continue();
    });
    await cancel.click();
    await page.getByRole('dialog').getByRole('button', { name: 'Cancel order' }).click();
    await shows(page, 'Your order was not cancelled');
    expect(await page.getByText('Nothing is lost').count()).toBe(0);
    await page.getByRole('button', { name: 'Try again' }).click();
    await shows(page, 'Your order is cancelled, as you wished.');
    expect((await stages(page)).at(-1)).toBe('Cancelled: done');
    expect(keys).toEqual([expect.any(String), keys[0]]);
    expect(await page.getByText('Your order was not cancelled').count()).toBe(0);
    const { name } = await storefront.client.product('BOK-0006');
    await page.getByRole('button', { name: 'Put these back in the cart' }).click();
    await page.getByRole('heading', { name: 'Your cart' }).waitFor();
    expect(await page.getByLabel(`Quantity of ${name}`, { exact: true }).and(page.locator('input')).inputValue()).toBe('1');
    await page.getByRole('link', { name: 'Orders' }).click();
    await page.locator('.row', { hasText: name }).getByText('You cancelled it').waitFor();
  });

  test('returns a part of an order, and follows it', async () => {
    const page = await storefront.open();
    await toCheckout(storefront, page, { sku: 'BOK-0007' }, /^Pays/);
    await placeOrder(page);
    await shows(page, 'Your order is confirmed.');
    await page.getByRole('link', { name: 'Return something' }).click();
    await page.getByRole('button', { name: 'Send it back' }).click();
    await shows(page, 'Choose at least one thing to return');
    const product = await storefront.client.product('BOK-0007');
    await page.getByLabel(product.name).selectOption('Return 1');
    await page.getByLabel('Why does it come back?').fill('I have it already');
    await page.getByRole('button', { name: 'Send it back' }).click();
    await page.waitForURL(/\/returns\//);
    await shows(page, `Refund: €${(product.price / 100).toFixed(2)}`);
    await page.getByRole('link', { name: 'Back to the order' }).click();
    await page.getByRole('link', { name: /I have it already/ }).waitFor();
    expect(await page.getByRole('link', { name: 'Return something' }).count()).toBe(0);
    await page.goto(`${new URL(page.url()).pathname}/return`);
    await shows(page, 'All of it has been returned, or is on its way.');
  });

  test('pre-orders what is sold out, and may think better of it', async () => {
    const page = await storefront.open();
    const product = await storefront.client.product('AUD-0014');
    const buyer = await storefront.client.customer();
    const lines = [{ sku: product.sku, quantity: product.available }];
    const { orderId } = bodyOf(await buyer.place({ lines, card: { number: CARDS.pays } }), 202);
    expect((await buyer.settled(orderId)).status).toBe('confirmed');
    await eventually(
      () => storefront.client.product(product.sku),
      ({ available }) => available === 0,
    );
    await page.goto(`/p/${product.sku}`);
    await shows(page, 'Out of stock');
    expect(await page.getByRole('button', { name: 'Add to cart' }).count()).toBe(0);
    await page.getByRole('link', { name: 'Pre-order' }).click();
    await signIn(page, await storefront.customer());
    await page.getByRole('button', { name: /^Pays/ }).click();
    await page.getByRole('button', { name: 'Pre-order' }).click();
    await page.waitForURL(/\/preorders\//);
    await shows(page, 'We wait for the next delivery.');
    await page.getByRole('button', { name: 'Cancel pre-order' }).click();
    await shows(page, 'Your pre-order is cancelled, as you wished.');
  });

  test('pressing twice makes one order', async () => {
    const page = await storefront.open();
    const who = await storefront.customer();
    await page.goto('/sign-in');
    await signIn(page, who);
    await page.locator('.card a').first().waitFor();
    await toCheckout(storefront, page, { sku: 'BOK-0008' }, /^Pays/);
    // The answer to the first press is lost on the way.
    let lost = 0;
    await page.route('**/api/orders', async (route) => {
      if (route.request().method() !== 'POST' || lost++ > 0) return route.continue();
      await route.fetch();
      await route.abort();
    });
    await page.getByRole('button', { name: /^Place order/ }).click();
    await shows(page, 'The shop cannot be reached');
    await placeOrder(page);
    const { accessToken } = bodyOf(await storefront.client.logIn(who), 201);
    const { items } = bodyOf(await storefront.client.request<{ items: unknown[] }>('GET', '/api/orders', { token: accessToken }));
    expect(items.length).toBe(1);
  });
});

const cents = (price: string | undefined): number => Number((price ?? '').replace(/[^\d]/g, ''));
