import { describe, expect, test } from 'vitest';
import { bodyOf } from '../harness/client.ts';
import { everyProduct, expectProblem, type Suite } from './suite.ts';

export function products(suite: Suite): void {
  describe('what is for sale', () => {
    test('is a few hundred products with everything that a page needs, public', async () => {
      const all = await everyProduct(suite.client);
      expect(all.length).toBeGreaterThan(200);
      for (const product of all) {
        expect(product).toEqual({
          sku: expect.stringMatching(/./),
          name: expect.stringMatching(/./),
          price: expect.any(Number),
          category: expect.stringMatching(/./),
          image: expect.stringMatching(/^\//),
          available: expect.any(Number),
        });
        expect(Number.isInteger(product.price) && product.price > 0 && Number.isInteger(product.available)).toBe(true);
      }
      expect(all.filter(({ available }) => available > 0).length).toBeGreaterThan(200);
    });

    test('has the same products on pages of every size, each once', async () => {
      const skus = (await everyProduct(suite.client)).map(({ sku }) => sku);
      expect(new Set(skus).size).toBe(skus.length);
      expect((await everyProduct(suite.client, { limit: 37 })).map(({ sku }) => sku)).toEqual(skus);
    });

    test('a page ends with the address of the next, and the last one with none', async () => {
      const first = bodyOf(await suite.client.search({ limit: 2 }));
      expect(first.items).toHaveLength(2);
      expect(first.next).toEqual(expect.any(String));
      expect(bodyOf(await suite.client.search({ query: 'no such thing anywhere' }))).toEqual({ items: [] });
    });

    test('is found by category and by words', async () => {
      const all = await everyProduct(suite.client);
      const [some] = all as [(typeof all)[0]];
      const ofCategory = await everyProduct(suite.client, { category: some.category, limit: 10 });
      expect(ofCategory).toEqual(all.filter(({ category }) => category === some.category));
      expect(new Set(all.map(({ category }) => category)).size).toBeGreaterThan(3);
      const found = await everyProduct(suite.client, { query: some.name.toLowerCase() });
      expect(found.map(({ sku }) => sku)).toContain(some.sku);
      expect(found.length).toBeLessThan(all.length);
      expect(await everyProduct(suite.client, { category: some.category, query: some.name })).toContainEqual(
        expect.objectContaining({ sku: some.sku }),
      );
    });

    test('every category has pictures that a browser shows', async () => {
      const all = await everyProduct(suite.client);
      const oneOfEach = [...new Map(all.map((product) => [product.category, product])).values()];
      for (const { image } of oneOfEach) {
        const picture = await suite.client.request('GET', image);
        expect(picture).toMatchObject({ status: 200, headers: { 'content-type': expect.stringMatching(/^image\//) } });
        expect(picture.text).toContain('<svg');
      }
    });

    test.each([
      ['limit=0', 'limit'],
      ['limit=101', 'limit'],
      ['limit=ten', 'limit'],
      ['limit=1.5', 'limit'],
      [`query=${'x'.repeat(201)}`, 'query'],
      [`category=${'x'.repeat(51)}`, 'category'],
    ])('?%s is refused and names its field', async (query, field) => {
      const problem = expectProblem(await suite.client.request('GET', `/api/products?${query}`), 400, 'BadRequest');
      expect(problem.errors?.map(({ path }) => path)).toContain(field);
    });

    test('a cursor that the shop has not issued is refused', async () => {
      for (const cursor of ['nonsense', 'e30', '', "' or 1=1 --"]) expectProblem(await suite.client.search({ cursor }), 400);
    });
  });
}
