import type { BrowserContextOptions, Page } from 'playwright-core';
import { describe, expect, test } from 'vitest';
import { describeInBrowser, placeOrder, type Storefront, shows, signIn, stages, toCheckout } from './browser.fixture.ts';
import { faultsOf, overflowOf, tabTo } from './page-audit.fixture.ts';

const PHONE = { viewport: { width: 360, height: 740 }, hasTouch: true, isMobile: true };

describeInBrowser('everybody can use the shop', (storefront) => {
  describe.each<[string, BrowserContextOptions]>([
    ['in light colours', { colorScheme: 'light' }],
    ['in dark colours', { colorScheme: 'dark' }],
    ['on a phone', PHONE],
  ])('%s', (_name, options) => {
    test('every page has names, an outline and readable text, and fits its window', async () => {
      const faults = new Map<string, unknown>();
      const page = await storefront.open(options);
      await everyPage(storefront, page, async (name) => {
        const found = [...(await faultsOf(page)), ...((await overflowOf(page)) > 0 ? [`${await overflowOf(page)} px too wide`] : [])];
        if (found.length > 0) faults.set(name, found);
      });
      expect(Object.fromEntries(faults)).toEqual({});
    });
  });

  test('without a pointer: from the first page to a confirmed order with the keyboard alone', async () => {
    const page = await storefront.open();
    await page.locator('.card a').first().waitFor();
    const type = (text: string) => page.keyboard.type(text);
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to content');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Books');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Books' }).waitFor();
    // The list has changed, and the focus stays where it was.
    expect(await focused(page)).toBe('Books');
    await tabTo(page, 'A Field Guide to Urban Mosses');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'A Field Guide to Urban Mosses' }).waitFor();
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    await tabTo(page, 'Add to cart');
    await page.keyboard.press('Enter');
    await tabTo(page, 'Go to the cart');
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Your cart' }).waitFor();
    await tabTo(page, 'Check out');
    await page.keyboard.press('Enter');
    const who = await storefront.customer();
    await page.getByRole('heading', { name: 'Sign in' }).waitFor();
    await tabTo(page, 'Email');
    await type(who.email);
    await page.keyboard.press('Enter');
    await shows(page, 'Enter your password');
    // What is missing has the focus already.
    expect(await focused(page)).toBe('Password');
    await type(who.password);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Check out' }).waitFor();
    for (const [label, text] of [
      ['Name', 'Ada Lovelace'],
      ['Street and number', 'Lindenweg 12'],
      ['Postcode and town', '10115 Berlin'],
    ] as const) {
      await tabTo(page, label);
      await type(text);
    }
    await tabTo(page, /^Slow/);
    await page.keyboard.press('Space');
    await tabTo(page, /^Place order/);
    await page.keyboard.press('Enter');
    await page.getByRole('heading', { name: 'Your order' }).waitFor();
    // A dialog keeps the focus, Escape closes it, and the focus returns.
    await tabTo(page, 'Cancel order');
    await page.keyboard.press('Enter');
    await page.getByRole('dialog', { name: 'Cancel this order?' }).waitFor();
    for (let i = 0; i < 4; i++) {
      await page.keyboard.press('Tab');
      expect(['Keep it', 'Cancel order', '']).toContain(
        (await page.evaluate('document.activeElement.closest("dialog, body").tagName')) === 'DIALOG' ? await focused(page) : '',
      );
    }
    await page.keyboard.press('Escape');
    await page.getByRole('dialog').waitFor({ state: 'detached' });
    expect(await focused(page)).toBe('Cancel order');
    await shows(page, 'Your order is confirmed.');
    expect(await stages(page)).toContain('Confirmed: done');
  });

  test('what changes without an action of the customer is read out', async () => {
    const page = await storefront.open();
    await toCheckout(storefront, page, { sku: 'BOK-0011' }, /^Slow/);
    const heard: string[] = [];
    await page.exposeFunction('hear', (words: string) => heard.push(words));
    await page.evaluate(`new MutationObserver(() => hear(document.querySelector('[role=status][aria-live]').textContent))
      .observe(document.querySelector('[role=status][aria-live]'), { childList: true, subtree: true, characterData: true })`);
    await placeOrder(page);
    await shows(page, 'Your order is confirmed.');
    expect(heard).toContain('Waiting for your bank…');
    expect(heard.at(-1)).toBe('Your order is confirmed.');
  });

  test('nothing moves for a customer who prefers less motion', async () => {
    const page = await storefront.open({ reducedMotion: 'reduce' });
    await toCheckout(storefront, page, { sku: 'BOK-0012' }, /^Slow/);
    await placeOrder(page);
    await shows(page, 'Waiting for your bank…');
    expect(await page.evaluate('document.getAnimations().filter((a) => a.playState === "running").length')).toBe(0);
  });

  test('names of any length and a narrow window break no page', async () => {
    const page = await storefront.open(PHONE);
    const name = `Unbreakable${'abcdefghij'.repeat(18)}`;
    await page.route('**/api/products?*', async (route) => {
      const answer = await route.fetch();
      const list = (await answer.json()) as { items: { name: string; price: number }[] };
      await route.fulfill({ json: { ...list, items: list.items.map((item) => ({ ...item, name, price: 100_000_000 })) } });
    });
    await page.goto('/?category=books');
    await page.getByText(name).first().waitFor();
    expect(await overflowOf(page)).toBe(0);
    await page.evaluate(
      `localStorage.setItem('cart', ${JSON.stringify(JSON.stringify([{ sku: 'NO-SUCH', name, price: 100_000_000, quantity: 99 }]))})`,
    );
    await page.goto('/cart');
    await shows(page, 'No longer sold: please remove it.');
    expect(await overflowOf(page)).toBe(0);
    expect(await faultsOf(page)).toEqual([]);
  });
});

const focused = (page: Page): Promise<string> =>
  page.evaluate(
    '[...(document.activeElement.labels ?? [])].map((l) => l.textContent).join(" ") || document.activeElement.textContent.trim()',
  ) as Promise<string>;

/** Goes to every page of the shop, in the states that a customer sees. */
async function everyPage(storefront: Storefront, page: Page, look: (name: string) => Promise<void>): Promise<void> {
  await page.locator('.card a').first().waitFor();
  await look('browse');
  await page.goto('/?q=zzzz');
  await shows(page, 'Nothing found');
  await look('nothing found');
  await page.goto('/nowhere');
  await shows(page, 'There is no such page');
  await look('no such page');
  await page.goto('/cart');
  await shows(page, 'Your cart is empty');
  await look('empty cart');
  await page.goto('/p/AUD-0004');
  await page.getByRole('button', { name: /^One more/ }).click();
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await look('product');
  await page.goto('/cart');
  await page.getByRole('heading', { name: 'Your cart' }).waitFor();
  await look('cart');
  await page.goto('/register');
  await page.getByRole('button', { name: 'Create an account' }).click();
  await look('register, with mistakes');
  await page.goto('/sign-in?next=/checkout');
  await signIn(page, { email: 'absent@example.org', password: 'not this one' });
  await shows(page, 'That did not match');
  await look('sign in, refused');
  await signIn(page, await storefront.customer());
  await page.getByRole('heading', { name: 'Check out' }).waitFor();
  await page.getByRole('button', { name: /^Place order/ }).click();
  await look('check out, with mistakes');
  await page.getByRole('button', { name: 'Use an example' }).click();
  await page.getByRole('button', { name: /^Slow/ }).click();
  await placeOrder(page);
  await shows(page, 'Waiting for your bank…');
  await look('order under way');
  await page.getByRole('main').getByRole('button', { name: 'Cancel order' }).click();
  await look('dialog');
  await page.keyboard.press('Escape');
  await shows(page, 'Your order is confirmed.');
  await page.getByText('All that was recorded').click();
  await look('order confirmed');
  await page.getByRole('link', { name: 'Return something' }).click();
  await page.getByRole('button', { name: 'Send it back' }).click();
  await look('return, with mistakes');
  await toCheckout(storefront, page, { sku: 'AUD-0005' }, /^Declined/);
  await placeOrder(page);
  await shows(page, /was cancelled/);
  await look('order cancelled');
  await page.getByRole('link', { name: 'Orders' }).click();
  await page.locator('.row').first().waitFor();
  await look('orders');
  await page.goto('/preorder/AUD-0005');
  await page.getByRole('button', { name: 'Pre-order' }).click();
  await look('pre-order, with mistakes');
}
