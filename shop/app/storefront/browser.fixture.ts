import { randomUUID } from 'node:crypto';
import { accessSync, constants } from 'node:fs';
import { delimiter, join } from 'node:path';
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect } from 'vitest';
import { type Product, ShopClient } from '../../rig/harness/client.ts';
import { type ShopProcess, startShop } from '../../rig/harness/shop-process.ts';

/** A Chromium of this machine; none is ever downloaded. `infra/chromium.sh` installs Debian's. */
export function findChromium(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter);
  const names = ['chromium', 'chromium-browser', 'google-chrome-stable', 'google-chrome'];
  const candidates = [process.env.CHROMIUM ?? '', ...names.flatMap((name) => [...folders, '/usr/bin'].map((folder) => join(folder, name)))];
  return candidates.find((path) => {
    try {
      if (path !== '') accessSync(path, constants.X_OK);
      return path !== '';
    } catch {
      return false;
    }
  });
}

const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run'];
const NO_BACKGROUND = ['--disable-background-networking', '--disable-component-update', '--disable-sync'];
/** Everything that a page waits for comes within this time on a machine that does other things too. */
export const SOON_MS = 20_000;

export interface Storefront {
  readonly shop: ShopProcess;
  readonly client: ShopClient;
  /** A new browser, with nothing stored, on its first page. What goes wrong in its pages fails the test. */
  open(options?: BrowserContextOptions & { path?: string }): Promise<Page>;
  /** A customer of the shop who is not signed in anywhere. */
  customer(): Promise<{ readonly email: string; readonly password: string }>;
}

/** Describes tests of the storefront in a browser. They are skipped where there is none, but never on CI. */
export function describeInBrowser(name: string, tests: (storefront: Storefront) => void, env: Readonly<Record<string, string>> = {}): void {
  const executablePath = findChromium();
  describe.skipIf(executablePath === undefined && !process.env.CI)(name, () => {
    let shop: ShopProcess | undefined;
    let browser: Browser | undefined;
    const contexts: BrowserContext[] = [];
    const complaints: string[] = [];
    beforeAll(async () => {
      if (executablePath === undefined) throw new Error('there is no Chromium: run infra/chromium.sh, or name its path in CHROMIUM');
      shop = await startShop({ env });
      browser = await chromium.launch({ executablePath, args: [...FLAGS, ...NO_BACKGROUND] });
    });
    afterEach(async () => {
      await Promise.all(contexts.splice(0).map((context) => context.close()));
      expect(complaints.splice(0)).toEqual([]);
    });
    afterAll(async () => {
      await browser?.close();
      await shop?.[Symbol.asyncDispose]();
    });
    tests({
      get shop() {
        return shop as ShopProcess;
      },
      get client() {
        return new ShopClient(shop as ShopProcess, { keepAlive: false });
      },
      async open({ path = '/', ...options } = {}) {
        const context = await (browser as Browser).newContext({
          viewport: { width: 1280, height: 860 },
          baseURL: (shop as ShopProcess).url,
          ...options,
        });
        contexts.push(context);
        context.setDefaultTimeout(SOON_MS);
        const page = await context.newPage();
        page.on('pageerror', (error) => complaints.push(error.stack ?? error.message));
        // A refused request is logged by the browser too; what the policy of the page refuses is our mistake.
        page.on('console', (message) => {
          if (/content security policy/i.test(message.text())) complaints.push(message.text());
        });
        await page.goto(path);
        return page;
      },
      async customer() {
        const who = { email: `${randomUUID()}@example.org`, password: 'correct horse' };
        expect((await this.client.register({ ...who, name: 'Ada Lovelace' })).status).toBe(201);
        return who;
      },
    });
  });
}

/** Fills the form of the page that needs it. */
export async function signIn(page: Page, who: { email: string; password: string }): Promise<void> {
  await page.getByLabel('Email').fill(who.email);
  await page.getByLabel('Password').fill(who.password);
  await page.getByRole('main').getByRole('button', { name: 'Sign in' }).click();
}

/** Puts a product into the cart, signs in and fills the form. @returns before the order is placed */
export async function toCheckout(storefront: Storefront, page: Page, product: Pick<Product, 'sku'>, card: string | RegExp): Promise<void> {
  await page.goto(`/p/${product.sku}`);
  await page.getByRole('button', { name: 'Add to cart' }).click();
  await page.getByRole('link', { name: 'Go to the cart' }).click();
  await page.getByRole('link', { name: 'Check out' }).click();
  const asked = page.getByLabel('Email').or(page.getByLabel('Card number'));
  await asked.waitFor();
  if (page.url().includes('/sign-in')) await signIn(page, await storefront.customer());
  await page.getByRole('button', { name: 'Use an example' }).click();
  await page.getByRole('button', { name: card }).click();
}

export async function placeOrder(page: Page): Promise<string> {
  await page.getByRole('button', { name: /^Place order/ }).click();
  await page.waitForURL(/\/orders\/ord_/);
  return page.url().slice(page.url().lastIndexOf('/') + 1);
}

/** A stage of the journey as it is shown: its name, then what became of it. */
export async function stages(page: Page): Promise<string[]> {
  return page.getByRole('listitem').and(page.locator('.stage')).locator('.stage-name').allTextContents();
}

/** Waits until a page shows a text or a number. */
export const shows = (page: Page, words: string | RegExp): Promise<void> => page.getByRole('main').getByText(words).first().waitFor();

/** How often a request was made, from now on. */
export function counted(page: Page, path: RegExp): () => number {
  let count = 0;
  page.on('request', (request) => {
    if (path.test(request.url())) count++;
  });
  return () => count;
}
