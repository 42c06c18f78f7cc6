export interface Line {
  readonly sku: string;
  readonly quantity: number;
}

/**
 * One line per sku, in the order of the skus: a repeated sku is one demand, and a transaction that locks several rows locks them in the
 * same order as everybody else.
 */
export function merged(lines: readonly Line[]): Line[] {
  const quantities = new Map<string, number>();
  for (const { sku, quantity } of lines) quantities.set(sku, (quantities.get(sku) ?? 0) + quantity);
  return [...quantities].map(([sku, quantity]) => ({ sku, quantity })).sort((a, b) => (a.sku < b.sku ? -1 : 1));
}

/**
 * The state of returned goods. No parcel is opened here: what the warehouse would see is taken from what the
 * customer wrote.
 * @returns undefined when they can be sold again
 */
export function faultOf(because: string): string | undefined {
  return /\bworn out\b/i.test(because) ? 'worn out' : undefined;
}
