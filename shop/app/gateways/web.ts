import { answer, compose, expose, external, failure, gateway, principalOf, site, use } from 'ramet';
import { z } from 'zod';
import { Catalog } from '../services/catalog/contract.ts';
import { Orders } from '../services/orders/contract.ts';
import { Preorders } from '../services/preorders/contract.ts';
import { Returns } from '../services/returns/contract.ts';
import { Users } from '../services/users/contract.ts';

const provider = external('payment-provider', {
  url: `http://127.0.0.1:${process.env.PROVIDER_PORT || 3900}`,
  timeout: '5s',
  bulkhead: 200,
});
const GUEST = { name: 'guest', guest: true } as const;
const mine = { scope: 'orders:read' } as const;

const Card = z.object({ number: z.string().regex(/^[0-9 ]{12,24}$/, 'expected a card number') });
const cardErrors = { InvalidCard: failure(422, z.object({ field: z.string() })), KeyReused: failure(422, z.object({ field: z.string() })) };

const Order = z.object({
  lines: z
    .array(z.object({ sku: z.string().min(1).max(64), quantity: z.int().min(1).max(99) }))
    .min(1)
    .max(50),
  card: Card,
  shipTo: z
    .object({
      name: z.string().min(1).max(200),
      street: z.string().min(1).max(200),
      city: z.string().min(1).max(200),
      country: z.string().regex(/^[A-Z]{2}$/, 'expected two capital letters'),
    })
    .optional(),
});

/** The edge for web browsers. */
export default gateway('web', {
  info: { title: 'The shop, for browsers', version: '1' },
  authenticate: { issuer: 'ramet-shop', audience: 'shop', keys: Users.queries.jwks },
  limit: { rate: process.env.RATE_LIMIT || '100/15m' },
  routes: [
    site({ folder: new URL('../storefront/dist/', import.meta.url) }),
    expose(Users, {
      prefix: '/api',
      operations: { register: { access: 'public' }, logIn: { access: 'public', limit: { rate: '10/15m', by: 'input.email' } } },
    }),
    expose(Users, { operations: { jwks: { access: 'public', limit: false } } }),
    expose(Catalog, { prefix: '/api', operations: { search: { access: 'public' }, product: { access: 'public' } } }),
    compose('GET /api/home', {
      access: 'authenticated',
      uses: { users: use(Users, { timeout: '1s' }), catalog: use(Catalog, { bulkhead: 20 }) },
      output: z.object({
        customer: z.object({ name: z.string(), guest: z.boolean() }),
        products: Catalog.queries.search.output.shape.items,
      }),
      async run(_, { use, caller }) {
        // A customer whose name is unavailable is a guest: the shop window stays open while the users service is down.
        const [known, { items }] = await Promise.all([
          use.users.standing.try({ customerId: caller.subject }, { fallback: undefined }),
          use.catalog.search({ limit: 12 }),
        ]);
        const name = known.ok ? known.value?.name : undefined;
        return { customer: name === undefined ? GUEST : { name, guest: false }, products: items };
      },
    }),
    expose(Orders, { prefix: '/api', operations: { list: mine, watch: mine, requestCancel: { scope: 'orders:write' } } }),
    compose('GET /api/orders/{orderId}', {
      ...mine,
      uses: { orders: use(Orders, { timeout: '35s', bulkhead: 10_000 }) },
      input: z.object({ orderId: z.string() }),
      output: Orders.queries.get.output,
      run: ({ orderId }, { use, waitMs }) =>
        use.orders.get({ orderId, ...(waitMs === undefined ? {} : { wait: Math.min(30, waitMs / 1_000) }) }),
    }),
    compose('POST /api/orders', {
      scope: 'orders:write',
      key: 'required',
      status: 202,
      uses: { orders: use(Orders, { timeout: '10s', bulkhead: 1_000 }), provider },
      input: Order,
      output: Orders.commands.place.output,
      errors: cardErrors,
      async run({ lines, card, shipTo }, { use, caller, key, crypto, fail }) {
        const token = await tokenise(use.provider, card.number, crypto.sha256(`${principalOf(caller)}/${key}`), fail);
        return use.orders.place({ lines, cardToken: token, ...(shipTo ? { shipTo } : {}) }, key === undefined ? {} : { key });
      },
    }),
    expose(Returns, { prefix: '/api', operations: { request: { scope: 'orders:write' }, get: mine, ofOrder: mine, watch: mine } }),
    expose(Preorders, { prefix: '/api', operations: { get: mine, list: mine, watch: mine, cancel: { scope: 'orders:write' } } }),
    compose('POST /api/preorders', {
      scope: 'orders:write',
      key: 'required',
      status: 202,
      uses: { preorders: use(Preorders, { timeout: '10s', bulkhead: 1_000 }), provider },
      input: Preorders.commands.place.input.omit({ cardToken: true }).extend({ card: Card }),
      output: Preorders.commands.place.output,
      errors: cardErrors,
      async run({ sku, quantity, card }, { use, caller, key, crypto, fail }) {
        const cardToken = await tokenise(use.provider, card.number, crypto.sha256(`preorder/${principalOf(caller)}/${key}`), fail);
        return use.preorders.place({ sku, quantity, cardToken }, key === undefined ? {} : { key });
      },
    }),
    compose('GET /images/{file}', {
      access: 'public',
      limit: false,
      uses: { catalog: use(Catalog, { bulkhead: 1_000 }) },
      input: z.object({ file: z.string().regex(/^[A-Za-z0-9-]+\.svg$/, 'expected <sku>.svg') }),
      async run({ file }, { use }) {
        const { svg } = await use.catalog.picture({ sku: file.slice(0, -'.svg'.length) });
        return answer(svg, {
          'content-type': 'image/svg+xml',
          'cache-control': 'public, max-age=86400',
          'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
        });
      },
    }),
  ],
});

interface CardFailures {
  InvalidCard(data: { field: string }): Error;
  KeyReused(data: { field: string }): Error;
}

/**
 * What stands for a card. The number goes to the provider and nowhere else: everything of ours knows a token only.
 * @param key made of the request's own key, so that a repeated request bears the same token, and so the same body
 */
async function tokenise(
  payments: { fetch(path: string, request: { method: string; headers: Record<string, string>; body: string }): Promise<Response> },
  number: string,
  key: string,
  fail: CardFailures,
): Promise<string> {
  const answered = await payments.fetch('/tokens', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': key },
    body: JSON.stringify({ number: number.replaceAll(' ', '') }),
  });
  const body = (await answered.json()) as { token?: string; error?: string };
  if (body.error === 'idempotency_mismatch') throw fail.KeyReused({ field: 'card.number' });
  if (answered.status >= 400 && answered.status < 500) throw fail.InvalidCard({ field: 'card.number' });
  if (!body.token) throw new Error(`the provider answered ${answered.status} to a tokenisation`);
  return body.token;
}
