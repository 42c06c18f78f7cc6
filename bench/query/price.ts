import { contract, query } from 'ramet';
import { z } from 'zod';

/** What is asked and answered: the same for everybody. */
export const Shelf = contract('shelf', {
  queries: {
    price: query({
      input: z.object({ sku: z.string().min(1), quantity: z.int().min(1).max(99) }),
      output: z.object({ sku: z.string(), price: z.int(), available: z.boolean() }),
    }),
  },
});

export const ASKED = { sku: 'brass-lamp', quantity: 2 };

export const priceOf = ({ sku, quantity }: { sku: string; quantity: number }) => ({ sku, price: 100 * quantity, available: true });
