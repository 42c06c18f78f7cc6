import { products } from '../../app/services/catalog/data/products.ts';
import { ANTARCTICA, CARDS } from '../harness/client.ts';
import type { OrderBody, OrderKind } from './history.ts';
import type { Random } from './random.ts';

/** The card that makes an order of each kind what it is. */
const CARD_OF: Readonly<Record<Exclude<OrderKind, 'undeliverable'>, string>> = {
  pays: CARDS.pays,
  declined: CARDS.declined,
  'no funds': CARDS.lacksFunds,
  'charges and drops': CARDS.chargesAndDrops,
  'answers late': CARDS.answersLate,
  'never answers': CARDS.dropsWithoutCharge,
  'fails twice': CARDS.failsTwice,
  'out of stock': CARDS.pays,
};

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

/** Kinds of card with which an order gets as far as its shipment. */
const PAYING = ['pays', 'charges and drops', 'fails twice'] as const;

const QUANTITY_MAX = 99;
const scarcest = [...products].sort((a, b) => a.stock - b.stock).slice(0, 20);
/** Everybody wants these: their rows are written by many orders at once. */
const hot = [...products].sort((a, b) => b.stock - a.stock).slice(0, 5);

/** Whether an order of this kind may end confirmed at all. */
export const mayBeConfirmed = (kind: OrderKind): boolean =>
  kind === 'pays' || kind === 'charges and drops' || kind === 'fails twice' || kind === 'answers late';

export interface PlannedOrder {
  readonly kind: OrderKind;
  readonly body: OrderBody;
}

/** @param slow whether it may be one that takes long to settle */
export function chooseOrder(random: Random, slow: boolean): PlannedOrder {
  const weights = slow ? WEIGHTS : { ...WEIGHTS, ...Object.fromEntries(SLOW.map((kind) => [kind, 0])) };
  return orderOf(random.weighted(weights), random);
}

export function orderOf(kind: OrderKind, random: Random): PlannedOrder {
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
  const card = kind === 'undeliverable' ? random.pick(PAYING) : kind;
  return card === 'pays' && random.chance(0.3) ? someCard(random) : CARD_OF[card];
}

/** A valid number that is not a test card: it pays. */
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
  if (kind === 'undeliverable') return { shipTo: ANTARCTICA };
  return random.chance(0.5) ? { shipTo: { ...address, country: random.pick(['DE', 'FR', 'PT', 'NO']) } } : {};
}
