import { answer, compose, expose, external, failure, gateway, use } from 'ramet';
import { z } from 'zod';
import { Catalog } from '../services/catalog/contract.ts';
import { Orders } from '../services/orders/contract.ts';
import { Users } from '../services/users/contract.ts';

const provider = external('payment-provider', {
  url: `http://127.0.0.1:${process.env.PROVIDER_PORT || 3900}`,
  timeout: '5s',
  bulkhead: 200,
});
const mine = { scope: 'orders:read' } as const;

const Order = z.object({
  lines: z
    .array(z.object({ sku: z.string().min(1).max(64), quantity: z.int().min(1).max(99) }))
    .min(1)
    .max(50),
  card: z.object({ number: z.string().regex(/^[0-9 ]{12,24}$/, 'expected a card number') }),
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
    expose(Users, {
      prefix: '/api',
      operations: { register: { access: 'public' }, logIn: { access: 'public', limit: { rate: '10/15m', by: 'input.email' } } },
    }),
    expose(Users, { operations: { jwks: { access: 'public', limit: false } } }),
    expose(Catalog, { prefix: '/api', operations: { search: { access: 'public' }, product: { access: 'public' } } }),
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
      errors: { InvalidCard: failure(422, z.object({ field: z.string() })), KeyReused: failure(422, z.object({ field: z.string() })) },
      async run({ lines, card, shipTo }, { use, caller, key, crypto, fail }) {
        // The number goes to the provider and nowhere else: everything of ours knows a token only. The request's own key
        // makes a repeated request bear the same token, and so the same body.
        const answered = await use.provider.fetch('/tokens', {
          method: 'POST',
          headers: { 'content-type': 'application/json', 'idempotency-key': crypto.sha256(`${caller.subject}/${key}`) },
          body: JSON.stringify({ number: card.number.replaceAll(' ', '') }),
        });
        const body = (await answered.json()) as { token?: string; error?: string };
        if (body.error === 'idempotency_mismatch') throw fail.KeyReused({ field: 'card.number' });
        if (answered.status >= 400 && answered.status < 500) throw fail.InvalidCard({ field: 'card.number' });
        if (!body.token) throw new Error(`the provider answered ${answered.status} to a tokenisation`);
        return use.orders.place({ lines, cardToken: body.token, ...(shipTo ? { shipTo } : {}) }, key === undefined ? {} : { key });
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
