import type { Runtime } from 'ramet/runtime';
import { Catalog } from './services/catalog/contract.ts';
import { products } from './services/catalog/data/products.ts';
import { Inventory } from './services/inventory/contract.ts';

/** Fills an empty shop with its products and their stock. Each command has a key, so that a start after a kill repeats nothing. */
export async function seed(runtime: Runtime): Promise<void> {
  const { items } = await runtime.client(Catalog).search({ limit: 1 });
  const stocked = await runtime.client(Inventory).stock({ sku: products.at(-1)?.sku ?? '' });
  if (items.length > 0 && stocked.onHand > 0) return;
  await runtime
    .client(Catalog)
    .importProducts({ products: products.map(({ stock: _stock, ...product }) => product) }, { key: 'seed-products-1' });
  await runtime.client(Inventory).receive({ items: products.map(({ sku, stock }) => ({ sku, quantity: stock })) }, { key: 'seed-stock-1' });
  await catalogueStocked(runtime);
}

/** The catalogue hears of the stock by events; a shop that is ready shows what it has. */
async function catalogueStocked(runtime: Runtime): Promise<void> {
  const last = products.at(-1)?.sku ?? '';
  for (let looks = 0; looks < 500; looks++) {
    if ((await runtime.client(Catalog).product({ sku: last })).available > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
