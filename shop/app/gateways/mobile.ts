import { compose, gateway, use } from 'ramet';
import { z } from 'zod';
import { Catalog } from '../services/catalog/contract.ts';
import { Orders } from '../services/orders/contract.ts';
import { Users } from '../services/users/contract.ts';

const quick = { timeout: '1s' } as const;

/** The edge for telephones: one small answer for the first screen, from three services at once. */
export default gateway('mobile', {
  info: { title: 'The shop, for telephones', version: '1' },
  authenticate: { issuer: 'ramet-shop', audience: 'shop', keys: Users.queries.jwks },
  limit: { rate: process.env.RATE_LIMIT || '100/15m' },
  routes: [
    compose('GET /home', {
      access: 'authenticated',
      uses: { users: use(Users, quick), orders: use(Orders, quick), catalog: use(Catalog, quick) },
      output: z.object({
        greeting: z.string(),
        /** Absent while it is unknown. */
        pendingOrders: z.int().optional(),
        topRec: z.object({ sku: z.string(), name: z.string(), price: z.int() }).optional(),
      }),
      // A screen with a missing part is better than none: each call may fail alone.
      async run(_, { use, caller }) {
        const [standing, pending, shown] = await Promise.all([
          use.users.standing.try({ customerId: caller.subject }, { fallback: undefined }),
          use.orders.list.try({ status: 'pending', limit: 100 }, { fallback: undefined }),
          use.catalog.search.try({ limit: 1 }, { fallback: undefined }),
        ]);
        const name = standing.ok ? standing.value?.name : undefined;
        const orders = pending.ok ? pending.value?.items.length : undefined;
        const first = shown.ok ? shown.value?.items[0] : undefined;
        return {
          greeting: name === undefined ? 'Hello' : `Hello, ${name}`,
          ...(orders === undefined ? {} : { pendingOrders: orders }),
          ...(first ? { topRec: { sku: first.sku, name: first.name, price: first.price } } : {}),
        };
      },
    }),
  ],
});
