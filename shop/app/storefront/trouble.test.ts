import { expect, test } from 'vitest';
import { counted, describeInBrowser, placeOrder, shows, signIn, toCheckout } from './browser.fixture.ts';

describeInBrowser('when something is in the way', (storefront) => {
  test('a shop that is down is said to be, and what the customer did is not lost when it is back', async () => {
    const page = await storefront.open({ path: '/?category=toys' });
    await page.locator('.card a').first().waitFor();
    await storefront.shop.kill();
    await page.getByRole('link', { name: 'Garden' }).click();
    await shows(page, 'The shop cannot be reached');
    // What was seen before can be seen still.
    await page.goBack();
    await page.getByRole('heading', { name: 'Toys' }).waitFor();
    await page.locator('.card a').first().click();
    await shows(page, 'The shop cannot be reached');
    await storefront.shop.restart();
    await page.getByRole('button', { name: 'Try again' }).click();
    await page.getByRole('button', { name: 'Add to cart' }).waitFor();
  });

  test('an order page whose stream breaks off says so, and recovers without a reload', async () => {
    const page = await storefront.open();
    await toCheckout(storefront, page, { sku: 'BOK-0013' }, /^Slow/);
    await placeOrder(page);
    await shows(page, 'Waiting for your bank…');
    await storefront.shop.kill();
    await shows(page, 'The connection broke off');
    await storefront.shop.restart();
    await shows(page, 'Your order is confirmed.');
    expect(await page.getByText('The connection broke off').count()).toBe(0);
  });

  test('the page of an order can be reloaded, opened from outside, and needs its owner', async () => {
    const page = await storefront.open();
    await toCheckout(storefront, page, { sku: 'BOK-0014' }, /^Pays/);
    const orderId = await placeOrder(page);
    await shows(page, 'Your order is confirmed.');
    await page.reload();
    await shows(page, 'Your order is confirmed.');
    const stranger = await storefront.open({ path: `/orders/${orderId}` });
    await stranger.getByRole('heading', { name: 'Sign in' }).waitFor();
    await signIn(stranger, await storefront.customer());
    await stranger.waitForURL(new RegExp(`/orders/${orderId}$`));
    await shows(stranger, 'There is nothing here');
  });

  test('a session that has ended leads to signing in and back, with the cart as it was', async () => {
    const page = await storefront.open();
    const who = await storefront.customer();
    await page.goto('/sign-in');
    await signIn(page, who);
    await page.locator('.card a').first().waitFor();
    await toCheckout(storefront, page, { sku: 'BOK-0015' }, /^Pays/);
    await page.evaluate(
      `sessionStorage.setItem('session', sessionStorage.getItem('session').replace(/"token":"[^"]*"/, '"token":"stale"'))`,
    );
    await page.reload();
    await page.getByRole('button', { name: 'Use an example' }).click();
    await page.getByRole('button', { name: /^Pays/ }).click();
    await page.getByRole('button', { name: /^Place order/ }).click();
    await page.waitForURL(/\/sign-in\?next=%2Fcheckout$/);
    await signIn(page, who);
    await page.getByRole('button', { name: 'Use an example' }).click();
    await page.getByRole('button', { name: /^Pays/ }).click();
    await placeOrder(page);
    await shows(page, 'Your order is confirmed.');
  });

  test('a wrong password, a taken address and an invalid card number are shown where they were typed', async () => {
    const page = await storefront.open({ path: '/sign-in' });
    const who = await storefront.customer();
    await signIn(page, { ...who, password: 'not this one' });
    await shows(page, 'The email address or the password is not right');
    await page.getByRole('link', { name: 'Create an account' }).click();
    await page.getByLabel('Name').fill('Ada');
    await page.getByLabel('Email').fill(who.email);
    await page.getByLabel('Password').fill('correct horse');
    await page.getByRole('button', { name: 'Create an account' }).click();
    await shows(page, 'You have an account already');
    await toCheckout(storefront, page, { sku: 'BOK-0016' }, /^Pays/);
    await page.getByLabel('Card number').fill('4242 4242 4242 4241');
    await page.getByRole('button', { name: /^Place order/ }).click();
    await shows(page, 'One of the digits is not right');
  });

  test('signing in never leads to another site', async () => {
    const page = await storefront.open({ path: '/sign-in?next=//evil.example/checkout' });
    await signIn(page, await storefront.customer());
    await page.locator('.card a').first().waitFor();
    expect(new URL(page.url()).origin).toBe(storefront.shop.url);
  });

  test('looking around is frugal: what was loaded a moment ago is not requested again', async () => {
    const page = await storefront.open();
    await page.locator('.card a').first().waitFor();
    const requests = counted(page, /\/api\//);
    await page.getByLabel('Sort by').selectOption('Price, highest first');
    await shows(page, /320 products/);
    // The first hundred were there; two hundred and twenty come a hundred at a time.
    expect(requests()).toBe(3);
    await page.getByLabel('Sort by').selectOption('Name');
    await page.locator('.card a').first().click();
    await page.getByRole('button', { name: 'Add to cart' }).waitFor();
    await page.goBack();
    await page.locator('.card a').first().waitFor();
    await page.goForward();
    await page.getByRole('button', { name: 'Add to cart' }).waitFor();
    expect(requests()).toBe(4);
  });
});

describeInBrowser(
  'a customer who sends more than the shop accepts at once',
  (storefront) => {
    test('reads how long to wait, and can continue after that', async () => {
      const page = await storefront.open();
      await page.locator('.card a').first().waitFor();
      // Whatever is left of the limit is used up elsewhere, from the same address.
      for (let i = 0; i < 5; i++) await storefront.client.search({ limit: 1 });
      await page.getByRole('link', { name: 'Garden' }).click();
      await shows(page, 'One moment, please');
      const again = page.getByRole('button', { name: /^Try again/ });
      expect(await again.isDisabled()).toBe(true);
      expect(await again.textContent()).toMatch(/^Try again in \d+ seconds?$/);
      await page.getByRole('button', { name: 'Try again', exact: true }).click();
      await page.locator('.card a').first().waitFor();
    });
  },
  { RATE_LIMIT: '4/12s' },
);
