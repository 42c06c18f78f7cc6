import { RametError } from '../errors/index.ts';
import type { HostedService } from '../service/index.ts';
import type { Newest } from '../store/index.ts';
import { type ListShape, type Order, PAGE_DEFAULT } from './contract/index.ts';
import { type AcceptedRequest, type AdminRequest, type AnswerOf, accepted, type ServiceRoute } from './serve.ts';

/** The items of a list that a request wants. */
export interface Page {
  readonly limit: number;
  /** The place of the item after which the page begins; absent for the first page. */
  readonly after?: readonly string[];
}

/** A page of a list, as it is answered. */
export interface PageAnswer<Item> {
  readonly items: readonly Item[];
  /** The cursor of the next page; absent on the last one. */
  readonly next?: string;
}

type ItemOf<Shape extends ListShape> = AnswerOf<Shape> extends { readonly items: readonly (infer Item)[] } ? Item : never;

/**
 * Joins a list with what reads it from a service. A page holds the first items of all services after its cursor; what
 * changes meanwhile moves no other item to another page.
 * @param read answers with the items of one service on the page, or with all of its items where these are few
 */
export function serveList<Shape extends ListShape>(
  shape: Shape,
  services: readonly HostedService[],
  read: (service: HostedService, page: Page, query: AcceptedRequest<Shape>['query']) => Promise<readonly ItemOf<Shape>[]>,
): ServiceRoute {
  return {
    shape,
    method: shape.method,
    path: shape.path,
    async run(request) {
      const { query } = accepted(shape, request);
      const page = pageOf(shape, request);
      // One more than fits says whether there is a next page.
      const more = { ...page, limit: page.limit + 1 };
      const lists = await Promise.all(services.map((service) => read(service, more, query)));
      return merged(shape.order, lists.flat(), page, false);
    },
  };
}

/** Reads the page that a request wants. @throws RametError BadRequest for a cursor that this list has not given */
export function pageOf({ order }: ListShape, { query }: AdminRequest): Page {
  const { limit, cursor } = query;
  const page = { limit: limit === undefined ? PAGE_DEFAULT : Number(limit) };
  return cursor === undefined ? page : { ...page, after: placeOf(cursor, order) };
}

/** Puts the items of several lists in order, and keeps those of the page. @param more whether a list has further items */
export function merged<Item>(order: Order<Item>, items: readonly Item[], { limit, after }: Page, more: boolean): PageAnswer<Item> {
  const sign = order.newestFirst ? -1 : 1;
  const sorted = items
    .map((item) => ({ item, place: order.place(item) }))
    .filter(({ place }) => after === undefined || sign * compared(place, after) > 0)
    .sort((a, b) => sign * compared(a.place, b.place));
  const kept = sorted.slice(0, limit);
  const last = kept.at(-1);
  return {
    items: kept.map(({ item }) => item),
    ...(last && (more || sorted.length > limit) ? { next: Buffer.from(JSON.stringify(last.place)).toString('base64url') } : {}),
  };
}

/** The page as a store reads it, of a list that has the newest item first. */
export function newestOf({ limit, after }: Page): Newest {
  const [moment, id] = after ?? [];
  return { limit, ...(moment === undefined || id === undefined ? {} : { after: { at: Date.parse(moment), id } }) };
}

function compared(a: readonly string[], b: readonly string[]): number {
  const at = a.findIndex((text, i) => text !== b[i]);
  return at === -1 ? 0 : (a[at] as string) < (b[at] ?? '') ? -1 : 1;
}

function placeOf(cursor: string, { newestFirst }: Order<unknown>): readonly string[] {
  const place = texts(Buffer.from(cursor, 'base64url').toString('utf8'));
  if (place && (!newestFirst || (place.length === 2 && Number.isFinite(Date.parse(place[0] as string))))) return place;
  throw new RametError('BadRequest', 'The request does not fit', {
    issues: [{ path: 'cursor', message: "is not a cursor of this list; take it from 'next' of the page before" }],
  });
}

function texts(json: string): readonly string[] | undefined {
  try {
    const value: unknown = JSON.parse(json);
    return Array.isArray(value) && value.length > 0 && value.every((text) => typeof text === 'string') ? value : undefined;
  } catch {
    return undefined;
  }
}
