import { products } from '../services/catalog/data/products.ts';
import type { OrderBody, OrderKind } from './history.ts';
import type { Random } from './random.ts';

/** The numbers on which the provider acts by itself. */
const CARDS: Readonly<Record<Exclude<OrderKind, 'pays' | 'undeliverable' | 'out of stock'>, string>> = {
  declined: '4000000000000002',
  'no funds': '4000000000009995',
  'charges and drops': '4000000000000119',
  'answers late': '4000000000000259',
  'never answers': '4000000000000341',
  'fails twice': '4000000000000432',
};
const PLAIN_CARD = '4242424242424242';

const WEIGHTS: Readonly<Record<OrderKind, number>> = {
  pays: 46,
  'charges and drops': 11,
  'fails twice': 9,
  declined: 7,
  'no funds': 5,
  undeliverable: 12,
  'out of stock': 8,
  'answers late': 1.2,
  'never answers': 0.8,
};
/** Kinds that hold a place for long: some orders of them tell as much as many. */
const SLOW: readonly OrderKind[] = ['answers late', 'never answers'];

/** Cards that pay in the end. */
const PAYING: readonly OrderKind[] = ['pays', 'charges and drops', 'fails twice'];

const QUANTITY_MAX = 99;
const scarcest = [...products].sort((a, b) => a.stock - b.stock).slice(0, 20);
/** Everybody wants these: their rows are written by many orders at once. */
const hot = [...products].sort((a, b) => b.stock - a.stock).slice(0, 5);

/** Whether an order of this kind may end confirmed at all. */
export const mayBeConfirmed = (kind: OrderKind): boolean =>
  kind === 'pays' || kind === 'charges and drops' || kind === 'fails twice' || kind === 'answers late';

export function chooseOrder(random: Random, slow: boolean): { kind: OrderKind; body: OrderBody } {
  const weights = slow ? WEIGHTS : { ...WEIGHTS, ...Object.fromEntries(SLOW.map((kind) => [kind, 0])) };
  const kind = random.weighted(weights);
  return { kind, body: { lines: lines(kind, random), card: { number: cardOf(kind, random) }, ...shipTo(kind, random) } };
}

function lines(kind: OrderKind, random: Random): OrderBody['lines'] {
  if (kind === 'out of stock') {
    // More than there ever was, in lines of the largest quantity that an order may name.
    const { sku, stock } = random.pick(scarcest);
    const wanted = Array.from({ length: Math.floor(stock / QUANTITY_MAX) + 1 }, () => ({ sku, quantity: QUANTITY_MAX }));
    return random.chance(0.5) ? [{ sku: random.pick(products).sku, quantity: 1 }, ...wanted] : wanted;
  }
  return Array.from({ length: 1 + random.below(4) }, () => ({
    sku: (random.chance(0.4) ? random.pick(hot) : random.pick(products)).sku,
    quantity: 1 + random.below(3),
  }));
}

function cardOf(kind: OrderKind, random: Random): string {
  if (kind === 'out of stock') return PLAIN_CARD;
  const paid = kind === 'undeliverable' ? random.pick(PAYING) : kind;
  if (paid === 'pays' || paid === 'undeliverable' || paid === 'out of stock') return random.chance(0.7) ? PLAIN_CARD : someCard(random);
  return CARDS[paid];
}

/** A valid number that is nobody's test card: it pays. */
function someCard(random: Random): string {
  const digits = ['5', ...Array.from({ length: 14 }, () => String(random.below(10)))].join('');
  const sum = [...digits].reduce((total, character, index) => {
    // The last of the 15 digits stands beside the check digit, so every second one counted from there is doubled.
    const digit = Number(character) * (index % 2 === 0 ? 2 : 1);
    return total + (digit > 9 ? digit - 9 : digit);
  }, 0);
  return `${digits}${(10 - (sum % 10)) % 10}`;
}

function shipTo(kind: OrderKind, random: Random): Pick<OrderBody, 'shipTo'> {
  const address = { name: 'T. Orture', street: 'Hafenstraße 1', city: 'Kiel' };
  if (kind === 'undeliverable') return { shipTo: { ...address, country: 'AQ' } };
  return random.chance(0.5) ? { shipTo: { ...address, country: random.pick(['DE', 'FR', 'PT', 'NO']) } } : {};
}
