import { contract, query, service, use } from 'ramet';
import { z } from 'zod';

const Sku = z.object({ sku: z.string() });
const Price = z.object({ cents: z.int(), pid: z.int() });

const Prices = contract('prices', { queries: { of: query({ input: Sku, output: Price }) } });
export const Orders = contract('orders', { queries: { quote: query({ input: Sku, output: Price }) } });

export const prices = service(Prices).implement({ queries: { of: () => ({ cents: 450, pid: process.pid }) } });
export const orders = service(Orders, { uses: { prices: use(Prices, { timeout: '2s' }) } }).implement({
  queries: { quote: (input, { use }) => use.prices.of(input) },
});
