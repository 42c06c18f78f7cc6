import type { JWK } from 'jose';
import { afterAll, beforeAll, expect } from 'vitest';
import {
  type Answer,
  bodyOf,
  type Customer,
  eventually,
  type Problem,
  type Product,
  ShopClient,
  type ShopUrls,
} from '../harness/client.ts';

/** A shop that runs, however it was started: what this suite may know of it. */
export interface Shop extends ShopUrls, AsyncDisposable {
  /** Everything of the shop is kept below it, and the provider's books in its folder `provider`. */
  readonly dataDir: string;
  /** Everything that its processes have written to their outputs so far: the log. */
  readonly output: string;
  /** What all of its processes tell to a monitor. */
  metrics(): Promise<string>;
  /** Sends a request to the admin interface of the process that operators ask. */
  admin(method: string, path: string, body?: unknown): Promise<{ readonly status: number; readonly body: unknown }>;
  /** `npm run shop -- …` */
  operator(command: 'block' | 'unblock' | 'receive', ...subject: string[]): Promise<unknown>;
  /** What access tokens are signed with: for tokens that only one thing is wrong with. */
  signingKey(): Promise<JWK>;
}

export interface StartOptions {
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Starts a shop of its own with a limit of requests that no test comes near, unless `env` says otherwise. */
export type StartShop = (options?: StartOptions) => Promise<Shop>;

/** What the parts of the suite share: one shop, and products enough that no two tests order the same. */
export interface Suite {
  readonly startShop: StartShop;
  readonly shop: Shop;
  readonly client: ShopClient;
  /** A product with plenty in stock that no other test touches. */
  product(): Product;
}

/** A shop of many processes takes its time on a busy machine. */
const START_MS = 180_000;

/** Starts the shop of a test file before its tests, and ends it after them. */
export function openSuite(startShop: StartShop, options: StartOptions = {}): Suite {
  let shop: Shop | undefined;
  let client: ShopClient | undefined;
  let unused: Product[] = [];
  beforeAll(async () => {
    shop = await startShop(options);
    client = new ShopClient(shop);
    const all = await eventually(
      () => everyProduct(there(client)),
      (products) => products.length > 0 && products.every(({ available }) => available > 0),
    );
    unused = all.filter(({ available }) => available >= 100);
  }, START_MS);
  afterAll(async () => {
    client?.close();
    await shop?.[Symbol.asyncDispose]();
  });
  return {
    startShop,
    get shop() {
      return there(shop);
    },
    get client() {
      return there(client);
    },
    product: () => there(unused.pop()),
  };
}

function there<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('read before the shop was started, or once too often');
  return value;
}

/** Every page of the catalogue. */
export async function everyProduct(
  client: ShopClient,
  query: { query?: string; category?: string; limit?: number } = {},
): Promise<Product[]> {
  const products: Product[] = [];
  let cursor: string | undefined;
  do {
    const { items, next } = bodyOf(await client.search({ limit: 100, ...query, ...(cursor === undefined ? {} : { cursor }) }));
    products.push(...items);
    cursor = next;
  } while (cursor !== undefined);
  return products;
}

/** How many orders a customer has, by the list. */
export async function orderIds(customer: Customer): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const { items, next } = bodyOf(await customer.orders({ limit: 100, ...(cursor === undefined ? {} : { cursor }) }));
    ids.push(...items.map(({ orderId }) => orderId));
    cursor = next;
  } while (cursor !== undefined);
  return ids;
}

/** The catalogue follows the warehouse a moment later. */
export async function expectAvailable(client: ShopClient, sku: string, available: number): Promise<void> {
  await eventually(
    () => client.product(sku),
    (product) => product.available === available,
    15_000,
  );
}

/** What every refusal must be: problem+json that says as much as its status, under the id of its answer, and nothing of the inside. */
export function expectProblem(answer: Answer, status: number, code?: string): Problem {
  expect(`${answer.status} ${answer.text}`).toMatch(new RegExp(`^${status} `));
  expect(answer.headers['content-type']).toMatch(/^application\/problem\+json/);
  expect(answer.headers['cache-control']).toContain('no-store');
  const problem = answer.body as Problem;
  expect(problem).toMatchObject({
    status,
    type: expect.stringMatching(/./),
    title: expect.stringMatching(/./),
    code: code ?? expect.any(String),
  });
  expect(problem.correlationId).toBe(answer.headers['x-correlation-id']);
  expect(answer.text).not.toMatch(/\bat .*\.[tj]s\b|node_modules|SQLITE|\/work\/|\/tmp\//);
  return problem;
}
