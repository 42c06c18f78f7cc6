import { type Line, merged } from './domain.ts';

export interface SoldLine extends Line {
  readonly price: number;
}

/** An order as a return needs to know it. */
export interface Bought {
  readonly customerId: string;
  readonly confirmed: boolean;
  readonly sold: readonly SoldLine[];
  /** What came back, or is on its way back. */
  readonly returned: readonly Line[];
}

export type ReturnVerdict =
  | { readonly kind: 'approved'; readonly lines: Line[]; readonly amount: number }
  | { readonly kind: 'denied'; readonly reason: string };

/**
 * Whether goods of an order may be returned, and their value, at the price that was paid.
 * @param order undefined when there is none; another customer's is denied in the same words
 * @param asked without lines, everything that is left of the order
 */
export function judgeReturn(
  order: Bought | undefined,
  asked: { readonly customerId: string; readonly lines?: readonly Line[] | undefined },
): ReturnVerdict {
  if (order?.customerId !== asked.customerId) return denied('there is no such order of yours');
  if (!order.confirmed) return denied('the order is not confirmed');
  const left = leftOf(order);
  const lines = asked.lines ? merged(asked.lines) : left.map(({ sku, quantity }) => ({ sku, quantity }));
  if (lines.length === 0) return denied('everything was returned already');
  let amount = 0;
  for (const { sku, quantity } of lines) {
    const line = order.sold.find((sold) => sold.sku === sku);
    if (!line) return denied(`not part of the order: ${sku}`);
    const rest = left.find((one) => one.sku === sku)?.quantity ?? 0;
    if (rest === 0) return denied(`returned already: ${sku}`);
    if (quantity > rest) return denied(`more than there is to return: ${sku}`);
    amount += quantity * line.price;
  }
  return { kind: 'approved', lines, amount };
}

/** The goods of an order that have not been returned. */
function leftOf({ sold, returned }: Bought): Line[] {
  const back = new Map(merged(returned).map(({ sku, quantity }) => [sku, quantity]));
  return merged(sold)
    .map(({ sku, quantity }) => ({ sku, quantity: quantity - (back.get(sku) ?? 0) }))
    .filter(({ quantity }) => quantity > 0);
}

const denied = (reason: string): ReturnVerdict => ({ kind: 'denied', reason });
