/** A line of the cart: what it was when it was put there or last looked at. */
export interface CartLine {
  readonly sku: string;
  readonly name: string;
  readonly price: number;
  readonly quantity: number;
}

export type Cart = readonly CartLine[];

/** The shop's own limits: so many of one product, and so many products, in one order. */
export const MOST_OF_ONE = 99;
export const MOST_LINES = 50;

/** Adds pieces of a product, up to the most that can be ordered at once. */
export function withMore(cart: Cart, product: Omit<CartLine, 'quantity'>, quantity: number): Cart {
  const line = cart.find(({ sku }) => sku === product.sku);
  if (!line && cart.length >= MOST_LINES) return cart;
  const { sku, name, price } = product;
  const next = { sku, name, price, quantity: Math.min(MOST_OF_ONE, (line?.quantity ?? 0) + quantity) };
  return line ? cart.map((one) => (one === line ? next : one)) : [...cart, next];
}

/** Sets how many of a product there are; none takes the line away. */
export function withQuantity(cart: Cart, sku: string, quantity: number): Cart {
  if (quantity < 1) return cart.filter((line) => line.sku !== sku);
  return cart.map((line) => (line.sku === sku ? { ...line, quantity: Math.min(MOST_OF_ONE, Math.floor(quantity)) } : line));
}

/** Puts what was ordered back: at least as many of each as there were. To do it twice changes nothing. */
export function withOrder(cart: Cart, lines: readonly CartLine[]): Cart {
  return lines.reduce((next, line) => {
    const had = next.find(({ sku }) => sku === line.sku)?.quantity ?? 0;
    return had < line.quantity ? withMore(next, line, line.quantity - had) : next;
  }, cart);
}

export const totalOf = (cart: Cart): number => cart.reduce((total, { price, quantity }) => total + price * quantity, 0);
export const piecesOf = (cart: Cart): number => cart.reduce((pieces, { quantity }) => pieces + quantity, 0);

/** What was stored as a cart, without whatever in it is none: other versions of the shop and other hands write there too. */
export function cartFrom(text: string | null): Cart {
  let stored: unknown;
  try {
    stored = JSON.parse(text ?? '[]');
  } catch {
    return [];
  }
  let cart: Cart = [];
  for (const line of Array.isArray(stored) ? (stored as unknown[]) : []) if (isLine(line)) cart = withMore(cart, line, line.quantity);
  return cart;
}

function isLine(value: unknown): value is CartLine {
  if (typeof value !== 'object' || value === null) return false;
  const { sku, name, price, quantity } = value as Record<string, unknown>;
  const isCount = (number: unknown) => typeof number === 'number' && Number.isInteger(number) && number >= 1;
  return typeof sku === 'string' && sku !== '' && typeof name === 'string' && isCount(price) && isCount(quantity);
}
