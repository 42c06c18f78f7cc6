import { readFileSync } from 'node:fs';
import { products } from '../../app/services/catalog/data/products.ts';
import { CARDS } from '../harness/client.ts';
import type { Answer, OrderBody, PreorderBody, PreorderKind, ReturnBody } from './history.ts';
import type { Random } from './random.ts';

/** What customers do beside ordering: they return things, and pre-order what is not there. */

const WEIGHTS: Readonly<Record<PreorderKind, number>> = {
  pays: 50,
  'charges and drops': 15,
  'fails twice': 15,
  declined: 12,
  'no funds': 8,
};
const CARD_OF: Readonly<Record<PreorderKind, string>> = {
  pays: CARDS.pays,
  'charges and drops': CARDS.chargesAndDrops,
  'fails twice': CARDS.failsTwice,
  declined: CARDS.declined,
  'no funds': CARDS.lacksFunds,
};

const byStock = [...products].sort((a, b) => a.stock - b.stock);
/** There are so few of these that large pre-orders wait. Only they are delivered: what an order cannot have is elsewhere. */
const awaited = byStock.slice(20, 24);
const plenty = byStock.slice(-5);

/** As many as one pre-order may name. */
export const LARGE = 99;

export interface PlannedPreorder {
  readonly kind: PreorderKind;
  readonly body: PreorderBody;
}

export function choosePreorder(random: Random): PlannedPreorder {
  return preorderOf(random.weighted(WEIGHTS), random, random.chance(0.4));
}

/** @param large whether it is of something of which there are few */
export function preorderOf(kind: PreorderKind, random: Random, large: boolean): PlannedPreorder {
  const { sku } = random.pick(large ? awaited : plenty);
  return { kind, body: { sku, quantity: large ? LARGE : 1 + random.below(3), card: { number: CARD_OF[kind] } } };
}

/** A return of everything or of one piece; some of it is worn out, or more than was bought. */
export function chooseReturn(random: Random, { lines }: OrderBody): ReturnBody {
  const how = random.weighted({ all: 35, piece: 45, 'worn out': 10, 'too much': 10 });
  const { sku } = random.pick(lines);
  if (how === 'all') return { reason: 'I have changed my mind.' };
  if (how === 'worn out') return { reason: 'They are worn out.', lines: [{ sku, quantity: 1 }] };
  return { reason: 'Too green.', lines: [{ sku, quantity: how === 'piece' ? 1 : 90 }] };
}

/** What came into the warehouse, through the operators' interface. */
export interface Counter {
  readonly port: number;
  readonly tokenFile: string;
}

/** Requests a delivery once; under the same key it arrives once. @returns undefined when the request must be repeated */
export async function deliver({ port, tokenFile }: Counter, key: string, sku: string, quantity: number): Promise<Answer | undefined> {
  try {
    const response = await fetch(`http://127.0.0.1:${port}/call`, {
      method: 'POST',
      // The token is new with each start.
      headers: { authorization: `Bearer ${readFileSync(tokenFile, 'utf8').trim()}`, 'content-type': 'application/json' },
      body: JSON.stringify({ service: 'inventory', operation: 'receive', input: { items: [{ sku, quantity }] }, key }),
      signal: AbortSignal.timeout(10_000),
    });
    const body: unknown = await response.json().catch(() => undefined);
    return response.ok ? { status: response.status, body, endedMono: performance.now() } : undefined;
  } catch {
    return undefined;
  }
}
