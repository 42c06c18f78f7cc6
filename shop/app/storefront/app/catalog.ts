import { useEffect, useState } from 'react';
import type { Trouble } from '../model/problems.ts';
import type { Listing } from '../model/routes.ts';
import { api, isAbort, troubleIn } from './api.ts';
import { recent, remember } from './resource.ts';

export interface Product {
  readonly sku: string;
  readonly name: string;
  /** In cents. */
  readonly price: number;
  readonly category: string;
  readonly image: string;
  readonly available: number;
}

export interface ProductDetails extends Product {
  readonly description: string;
}

interface Found {
  readonly items: readonly Product[];
  readonly next: string | undefined;
}

/** Of so many products a page of the shop's answer consists: few requests, for they are limited. */
const PAGE = 100;

/** Loads at least `count` products of a listing, or all that there are. */
async function load({ query, category }: Listing, count: number, signal: AbortSignal): Promise<Found> {
  const key = `list ${query} ${category}`;
  let found = recent<Found>(key) ?? { items: [], next: '' };
  while (found.next !== undefined && found.items.length < count) {
    const params = new URLSearchParams({ limit: String(PAGE) });
    if (query.trim() !== '') params.set('query', query.trim().slice(0, 200));
    if (category !== '') params.set('category', category);
    if (found.next !== '') params.set('cursor', found.next);
    const page = await api<{ items: Product[]; next?: string }>('GET', `/api/products?${params}`, { signal });
    found = { items: [...found.items, ...page.items], next: page.next };
    remember(key, found);
  }
  return found;
}

const ORDERS: Readonly<Record<Listing['sort'], (a: Product, b: Product) => number>> = {
  name: () => 0,
  price: (a, b) => a.price - b.price,
  'price-desc': (a, b) => b.price - a.price,
};

export interface ShownListing {
  /** Undefined while it is loading. */
  readonly items: readonly Product[] | undefined;
  readonly hasMore: boolean;
  /** How many there are in all, where that is known. */
  readonly total: number | undefined;
  readonly trouble: Trouble | undefined;
  readonly reload: () => void;
}

/** A list of products. The shop sorts by name; by price it is sorted here, once everything of the listing is there. */
export function useListing(listing: Listing, shown: number): ShownListing {
  const { query, category, sort } = listing;
  const wanted = sort === 'name' ? shown : Number.POSITIVE_INFINITY;
  const key = `${query} ${category} ${sort}`;
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ key: string; found?: Found; trouble?: Trouble }>({ key: '' });
  useEffect(() => {
    const controller = new AbortController();
    load({ query, category, sort }, wanted, controller.signal).then(
      (found) => !controller.signal.aborted && setState({ key, found }),
      (error: unknown) => !isAbort(error) && !controller.signal.aborted && setState({ key, trouble: troubleIn(error) }),
    );
    return () => controller.abort();
  }, [key, query, category, sort, wanted, round]);
  const known = recent<Found>(`list ${query} ${category}`);
  const enough = known && (known.next === undefined || known.items.length >= wanted) ? known : undefined;
  const found = state.key === key && state.found ? state.found : enough;
  const sorted = found?.items.toSorted(ORDERS[sort]);
  return {
    items: sorted?.slice(0, shown),
    hasMore: found !== undefined && (found.next !== undefined || found.items.length > shown),
    total: found && found.next === undefined ? found.items.length : undefined,
    trouble: state.key === key ? state.trouble : undefined,
    reload: () => setRound((last) => last + 1),
  };
}

export const loadProduct = (sku: string, signal?: AbortSignal): Promise<ProductDetails> =>
  api<ProductDetails>('GET', `/api/products/${encodeURIComponent(sku)}`, signal ? { signal } : {});
