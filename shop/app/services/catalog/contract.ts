import { command, contract, failure, query } from 'ramet';
import { z } from 'zod';

const Sku = z.string().min(1).max(64);
const Price = z.int().min(1).max(100_000_000);
const Listed = z.object({
  sku: Sku,
  name: z.string(),
  price: Price,
  category: z.string(),
  image: z.string(),
  /** How many can be ordered; a little behind the warehouse. */
  available: z.int(),
});
const QuotedLine = z.object({ sku: Sku, name: z.string(), price: Price, quantity: z.int() });

/** What is for sale, and at which price. */
export const Catalog = contract('catalog', {
  commands: {
    importProducts: command({
      input: z.object({
        products: z
          .array(
            z.object({
              sku: Sku,
              name: z.string().min(1).max(200),
              price: Price,
              category: z.string().min(1).max(50),
              description: z.string().max(2_000),
              image: z.string().max(500),
            }),
          )
          .min(1)
          .max(1_000),
      }),
      output: z.object({ imported: z.int() }),
    }),
  },
  queries: {
    search: query({
      input: z.object({
        query: z.string().max(200).optional(),
        category: z.string().max(50).optional(),
        limit: z.int().min(1).max(100).default(24),
        cursor: z.string().max(1_000).optional(),
      }),
      output: z.object({ items: z.array(Listed), next: z.string().optional() }),
      errors: { InvalidCursor: failure(400, z.object({})) },
      http: 'GET /products',
    }),
    product: query({
      input: z.object({ sku: Sku }),
      output: Listed.extend({ description: z.string() }),
      errors: { NotFound: failure(404, z.object({ sku: z.string() })) },
      http: 'GET /products/{sku}',
    }),
    picture: query({
      input: z.object({ sku: Sku }),
      output: z.object({ svg: z.string() }),
      errors: { NotFound: failure(404, z.object({ sku: z.string() })) },
    }),
    quote: query({
      input: z.object({
        lines: z
          .array(z.object({ sku: Sku, quantity: z.int().min(1) }))
          .min(1)
          .max(100),
      }),
      output: z.object({ lines: z.array(QuotedLine), total: z.int() }),
      errors: { UnknownProduct: failure(422, z.object({ sku: z.string() })) },
    }),
  },
});
