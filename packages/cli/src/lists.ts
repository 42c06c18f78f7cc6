import type { AdminAnswer, AdminItem, AdminQuery, AdminRoutes } from 'ramet/admin';
import { type AdminOptions, ask } from './client.ts';

/** The routes that answer with pages of a list. */
export type ListName = {
  [Name in keyof AdminRoutes]: AdminAnswer<Name> extends { readonly items: readonly unknown[] } ? Name : never;
}[keyof AdminRoutes];

/** A service that did not answer, and the reason. */
export interface Unanswered {
  readonly service: string;
  readonly why: string;
}

/** A list as it is printed: its pages put together. */
export interface List<Item> {
  readonly items: readonly Item[];
  /** Present where the list has more items than the limit. */
  readonly next?: string | undefined;
  readonly unanswered?: readonly Unanswered[];
}

const PAGE_MAX = 200;

/** Reads a list, page by page. @param limit how many items at most; all of them where absent */
export async function askList<Name extends ListName>(
  options: AdminOptions,
  name: Name,
  query: AdminQuery<Name> = {},
  limit = Number.POSITIVE_INFINITY,
): Promise<List<AdminItem<Name>>> {
  const items: AdminItem<Name>[] = [];
  const unanswered = new Map<string, Unanswered>();
  let next: string | undefined;
  do {
    const page = { ...query, limit: String(Math.min(PAGE_MAX, limit - items.length)), ...(next === undefined ? {} : { cursor: next }) };
    const answer = (await ask(options, name, { query: page as AdminQuery<Name> })) as List<AdminItem<Name>>;
    items.push(...answer.items);
    for (const silent of answer.unanswered ?? []) unanswered.set(silent.service, silent);
    next = answer.next;
  } while (next !== undefined && items.length < limit);
  return {
    items,
    ...(next === undefined ? {} : { next }),
    ...(unanswered.size === 0 ? {} : { unanswered: [...unanswered.values()] }),
  };
}

/** Says what a list lacks: the items of services that did not answer, and the items beyond the limit. */
export const notesOf = ({ items, next, unanswered = [] }: List<unknown>): string[] => [
  ...unanswered.map(({ service, why }) => `'${service}' did not answer, so this list lacks its items: ${why}`),
  ...(next === undefined ? [] : [`these are the first ${items.length}; print more with --limit`]),
];
