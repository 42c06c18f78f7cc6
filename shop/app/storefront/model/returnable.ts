interface Line {
  readonly sku: string;
  readonly quantity: number;
}

/** A return of an order, as the shop reports it. */
export interface KnownReturn {
  readonly status: string;
  /** Empty while it is not known yet what "everything" is. */
  readonly lines: readonly Line[];
}

/** What of an order may still be returned: what was bought, less what came back or is under way. */
export function leftToReturn<L extends Line>(bought: readonly L[], returns: readonly KnownReturn[]): L[] {
  const counted = returns.filter(({ status }) => status !== 'refused');
  if (counted.some(({ lines }) => lines.length === 0)) return [];
  const back = (sku: string) =>
    counted.flatMap(({ lines }) => lines).reduce((sum, line) => sum + (line.sku === sku ? line.quantity : 0), 0);
  return bought.map((line) => ({ ...line, quantity: line.quantity - back(line.sku) })).filter(({ quantity }) => quantity > 0);
}
