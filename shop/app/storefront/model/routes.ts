export const SORTS = ['name', 'price', 'price-desc'] as const;
export type Sort = (typeof SORTS)[number];

/** What a list of products shows. */
export interface Listing {
  readonly query: string;
  readonly category: string;
  readonly sort: Sort;
}

/** A page of the storefront, as its address names it. */
export type Page =
  | ({ readonly name: 'browse' } & Listing)
  | { readonly name: 'product'; readonly sku: string }
  | { readonly name: 'cart' }
  | { readonly name: 'checkout' }
  | { readonly name: 'preorder'; readonly sku: string }
  | { readonly name: 'sign-in' | 'register'; readonly next: string }
  | { readonly name: 'orders' }
  | { readonly name: 'order'; readonly orderId: string }
  | { readonly name: 'return-order'; readonly orderId: string }
  | { readonly name: 'return'; readonly returnId: string }
  | { readonly name: 'preorder-status'; readonly preorderId: string }
  | { readonly name: 'nowhere' };

/** Reads an address of this shop. @param href a path with its query, as `/p/BOK-0001` */
export function pageOf(href: string): Page {
  const { pathname, searchParams } = new URL(href, 'http://shop.invalid');
  const [first = '', second, third, ...more] = pathname.split('/').slice(1).map(decoded);
  if (more.length > 0 || second === '') return { name: 'nowhere' };
  if (third !== undefined)
    return first === 'orders' && second && third === 'return' ? { name: 'return-order', orderId: second } : { name: 'nowhere' };
  if (second !== undefined) return below(first, second);
  switch (first) {
    case '': {
      const sort = SORTS.find((one) => one === searchParams.get('sort')) ?? 'name';
      return { name: 'browse', query: searchParams.get('q') ?? '', category: searchParams.get('category') ?? '', sort };
    }
    case 'cart':
    case 'checkout':
    case 'orders':
      return { name: first };
    case 'sign-in':
    case 'register':
      return { name: first, next: ownPath(searchParams.get('next')) };
    default:
      return { name: 'nowhere' };
  }
}

function below(first: string, id: string): Page {
  if (first === 'p') return { name: 'product', sku: id };
  if (first === 'preorder') return { name: 'preorder', sku: id };
  if (first === 'preorders') return { name: 'preorder-status', preorderId: id };
  if (first === 'orders') return { name: 'order', orderId: id };
  if (first === 'returns') return { name: 'return', returnId: id };
  return { name: 'nowhere' };
}

function decoded(segment: string): string {
  try {
    return decodeURIComponent(segment);
  } catch {
    return segment;
  }
}

/** Where to go after signing in: never to another site, whatever the address says. */
export function ownPath(next: string | null): string {
  if (next === null || !next.startsWith('/')) return '/';
  const url = new URL(next, 'http://shop.invalid');
  return url.host === 'shop.invalid' ? `${url.pathname}${url.search}` : '/';
}

/** The address of a list of products, without what is as ever. */
export function listingPath({ query, category, sort }: Listing): string {
  const params = new URLSearchParams();
  if (query.trim() !== '') params.set('q', query.trim());
  if (category !== '') params.set('category', category);
  if (sort !== 'name') params.set('sort', sort);
  return params.size > 0 ? `/?${params}` : '/';
}

export const productPath = (sku: string): string => `/p/${encodeURIComponent(sku)}`;
export const orderPath = (orderId: string): string => `/orders/${encodeURIComponent(orderId)}`;
export const returnPath = (returnId: string): string => `/returns/${encodeURIComponent(returnId)}`;
export const signInPath = (next: string): string => (next === '/' ? '/sign-in' : `/sign-in?next=${encodeURIComponent(next)}`);
export const registerPath = (next: string): string => (next === '/' ? '/register' : `/register?next=${encodeURIComponent(next)}`);
