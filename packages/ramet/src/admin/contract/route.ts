import { z } from 'zod';

/** A value of JSON, read-only at every depth. */
export type Frozen<T> = T extends readonly (infer Item)[]
  ? readonly Frozen<Item>[]
  : T extends object
    ? { readonly [K in keyof T]: Frozen<T[K]> }
    : T;

/** The query parameters of a route by name, each a schema of text. */
export type Filters = Readonly<Record<string, z.ZodType<string>>>;

/** One request that operators can make: everything about it but what it does. */
export interface RouteShape {
  readonly method: 'GET' | 'POST';
  /** Such as `/sagas/:id`. */
  readonly path: string;
  readonly summary: string;
  /** The thing that the route is about, as messages name it; undefined where the route is about no single thing. */
  readonly about: string | undefined;
  readonly filters: Filters;
  readonly body: z.ZodType | undefined;
  readonly output: z.ZodType;
}

/** A route whose answer is a page of a list. */
export interface ListShape extends RouteShape {
  readonly order: Order<any>;
}

/**
 * The order of a list. The same item has the same place in every process, so that pages of several processes can be merged,
 * and a page can continue after any item, whether that item still exists or not.
 */
export interface Order<Item> {
  /** What places an item: texts that are compared one after the other. No two items have the same. */
  readonly place: (item: Item) => readonly string[];
  readonly newestFirst: boolean;
}

/** How many items a page has at most. */
export const PAGE_MAX = 200;
/** How many items a page has where the request does not say. */
export const PAGE_DEFAULT = 50;

/** The query parameters that every list has beside its filters. */
export const PAGING = {
  limit: z
    .string()
    .refine((text) => /^[1-9]\d{0,2}$/.test(text) && Number(text) <= PAGE_MAX, `expected a whole number from 1 to ${PAGE_MAX}`)
    .meta({ description: `How many items a page has at most: 1 to ${PAGE_MAX} (default ${PAGE_DEFAULT})` }),
  cursor: z.string().meta({ description: "Where the page begins: the 'next' of the page before it" }),
} as const;

/** A service that did not answer, and the reason. */
export const Unanswered = z.object({ service: z.string(), why: z.string() });

const pageOf = <Item extends z.ZodType>(item: Item) =>
  z.object({
    items: z.array(item),
    next: z.string().optional().meta({ description: 'The cursor of the next page; absent on the last one' }),
    unanswered: z
      .array(Unanswered)
      .optional()
      .meta({ description: 'The services that did not answer or are stopped: the page lacks their items' }),
  });

/** Declares a route that answers with one thing. */
export const route = <
  const Method extends 'GET' | 'POST',
  const Path extends string,
  Output extends z.ZodType,
  Body extends z.ZodType | undefined = undefined,
>(
  method: Method,
  path: Path,
  d: { summary: string; about?: string; body?: Body; output: Output },
) => ({
  method,
  path,
  summary: d.summary,
  about: d.about,
  filters: {} as {},
  body: d.body as Body,
  output: d.output,
});

/**
 * Declares a route that answers with pages of a list.
 * @param d in its `newestFirst` the moment of an item comes first (ISO 8601), then a text that differs between items of one moment
 */
export const list = <const Path extends string, Item extends z.ZodType, F extends Filters = {}>(
  path: Path,
  d: { summary: string; filters?: F; item: Item } & (
    | { newestFirst: (item: Frozen<z.infer<Item>>) => readonly string[] }
    | { byName: (item: Frozen<z.infer<Item>>) => readonly string[] }
  ),
) => ({
  method: 'GET' as const,
  path,
  summary: d.summary,
  about: undefined,
  filters: { ...d.filters, ...PAGING } as F & typeof PAGING,
  body: undefined,
  output: pageOf(d.item),
  order: 'newestFirst' in d ? { place: d.newestFirst, newestFirst: true } : { place: d.byName, newestFirst: false },
});
