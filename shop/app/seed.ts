import { RametError } from 'ramet';
import type { Runtime } from 'ramet/runtime';
import { Catalog } from './services/catalog/contract.ts';
import { products } from './services/catalog/data/products.ts';
import { Inventory } from './services/inventory/contract.ts';

/**
 * Fills what this process hosts of an empty shop: products and their stock. Each command has a key, so that a start after a
 * kill, or of a second instance, repeats nothing.
 */
export async function seed(runtime: Runtime): Promise<void> {
  await Promise.all([patiently(() => seedCatalog(runtime)), patiently(() => seedInventory(runtime))]);
  // The catalogue hears of the stock by events; a shop that is ready shows what it has.
  if (runtime.services.has('catalog') && runtime.services.has('inventory')) await catalogueStocked(runtime);
}

const PATIENT_MS = 60_000;
const AGAIN_MS = 250;

/** A store that is unavailable for a moment, or that another instance fills at the same time, does not end the process. */
async function patiently(work: () => Promise<void>): Promise<void> {
  const giveUpAt = Date.now() + PATIENT_MS;
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if (!(error instanceof RametError) || error.code !== 'StoreUnavailable' || Date.now() > giveUpAt) throw error;
      await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
    }
  }
}

async function seedCatalog(runtime: Runtime): Promise<void> {
  if (!runtime.services.has('catalog')) return;
  const catalog = runtime.client(Catalog);
  if ((await catalog.search({ limit: 1 })).items.length > 0) return;
  await catalog.importProducts(
    { products: products.map(({ stock: _stock, ...product }) => product) },
    { key: 'seed-products-1', timeout: '60s' },
  );
}

async function seedInventory(runtime: Runtime): Promise<void> {
  if (!runtime.services.has('inventory')) return;
  const inventory = runtime.client(Inventory);
  if ((await inventory.stock({ sku: products.at(-1)?.sku ?? '' })).onHand > 0) return;
  await inventory.receive({ items: products.map(({ sku, stock }) => ({ sku, quantity: stock })) }, { key: 'seed-stock-1', timeout: '60s' });
}

async function catalogueStocked(runtime: Runtime): Promise<void> {
  const last = products.at(-1)?.sku ?? '';
  for (let looks = 0; looks < 500; looks++) {
    if ((await runtime.client(Catalog).product({ sku: last })).available > 0) return;
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}
