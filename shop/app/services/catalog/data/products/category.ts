/** A product the shop starts with. */
export interface SeedProduct {
  readonly sku: string;
  readonly name: string;
  /** In cents. */
  readonly price: number;
  readonly category: string;
  readonly description: string;
  readonly stock: number;
  readonly image: string;
}

/** Name, price in cents, stock and description. */
export type Row = readonly [name: string, price: number, stock: number, description: string];

/** Makes the products of one category. The number in a sku is the row's position, so new rows belong at the end. */
export function category(name: string, prefix: string, rows: readonly Row[]): SeedProduct[] {
  return rows.map(([productName, price, stock, description], index) => {
    const sku = `${prefix}-${String(index + 1).padStart(4, '0')}`;
    return { sku, name: productName, price, category: name, description, stock, image: `/images/${sku}.svg` };
  });
}
