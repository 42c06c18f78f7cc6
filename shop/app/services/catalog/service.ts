import { service, sql } from 'ramet';
import { Inventory } from '../inventory/contract.ts';
import { Catalog } from './contract.ts';
import { picture } from './data/picture.ts';
import { cursorOf, positionOf, searchLine, wordsOf } from './domain.ts';

interface Tables {
  products: { sku: string; name: string; price: number; category: string; description: string; image: string; words: string };
  availability: { sku: string; available: number; revision: number };
}

export default service(Catalog, { store: sql<Tables>({ migrations: new URL('./migrations/', import.meta.url) }) }).implement({
  commands: {
    async importProducts({ products }, { db }) {
      const bySku = new Map(products.map((product) => [product.sku, product]));
      await db
        .insertInto('products')
        .values([...bySku.values()].map((product) => ({ ...product, words: searchLine(product) })))
        .onConflict((conflict) =>
          conflict.column('sku').doUpdateSet((eb) => ({
            name: eb.ref('excluded.name'),
            price: eb.ref('excluded.price'),
            category: eb.ref('excluded.category'),
            description: eb.ref('excluded.description'),
            image: eb.ref('excluded.image'),
            words: eb.ref('excluded.words'),
          })),
        )
        .execute();
      return { imported: bySku.size };
    },
  },

  queries: {
    async search({ query, category, limit, cursor }, { db, fail }) {
      const after = cursor === undefined ? undefined : positionOf(cursor);
      if (cursor !== undefined && !after) throw fail.InvalidCursor({});
      const words = wordsOf(query ?? '');
      // The search has no words at all (as '?!'), so no product has them.
      if (words.length === 0 && query?.trim()) return { items: [] };
      let found = db
        .selectFrom('products')
        .leftJoin('availability', 'availability.sku', 'products.sku')
        .select(['products.sku', 'name', 'price', 'category', 'image', 'available'])
        .orderBy('name')
        .orderBy('products.sku')
        .limit(limit + 1);
      if (category !== undefined) found = found.where('category', '=', category);
      for (const word of words) found = found.where('words', 'like', `% ${word}%`);
      if (after)
        found = found.where((eb) =>
          eb.or([eb('name', '>', after.name), eb.and([eb('name', '=', after.name), eb('products.sku', '>', after.sku)])]),
        );
      const rows = await found.execute();
      const items = rows.slice(0, limit).map((row) => ({ ...row, available: row.available ?? 0 }));
      const last = items.at(-1);
      return rows.length > limit && last ? { items, next: cursorOf(last) } : { items };
    },

    async product({ sku }, { db, fail }) {
      const product = await db
        .selectFrom('products')
        .leftJoin('availability', 'availability.sku', 'products.sku')
        .select(['products.sku', 'name', 'price', 'category', 'image', 'description', 'available'])
        .where('products.sku', '=', sku)
        .executeTakeFirst();
      if (!product) throw fail.NotFound({ sku });
      return { ...product, available: product.available ?? 0 };
    },

    async picture({ sku }, { db, fail }) {
      const product = await db.selectFrom('products').select(['sku', 'name', 'category']).where('sku', '=', sku).executeTakeFirst();
      if (!product) throw fail.NotFound({ sku });
      return { svg: picture(product) };
    },

    async quote({ lines }, { db, fail }) {
      const products = await db
        .selectFrom('products')
        .select(['sku', 'name', 'price'])
        .where(
          'sku',
          'in',
          lines.map(({ sku }) => sku),
        )
        .execute();
      const bySku = new Map(products.map((product) => [product.sku, product]));
      const quoted = lines.map(({ sku, quantity }) => {
        const product = bySku.get(sku);
        if (!product) throw fail.UnknownProduct({ sku });
        return { ...product, quantity };
      });
      return { lines: quoted, total: quoted.reduce((total, { price, quantity }) => total + price * quantity, 0) };
    },
  },

  reactions: (on) => [
    on(Inventory.events.StockChanged, async (stock, { db }) => {
      await db
        .insertInto('availability')
        .values(stock)
        .onConflict((conflict) =>
          conflict
            .column('sku')
            .doUpdateSet((eb) => ({ available: eb.ref('excluded.available'), revision: eb.ref('excluded.revision') }))
            .whereRef('excluded.revision', '>', 'availability.revision'),
        )
        .execute();
    }),
  ],
});
