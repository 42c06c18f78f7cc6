import { store } from './store.ts';

/** The page of the customer, and the way to it: going back restores what was seen, a new page begins at the top. */
export interface Place {
  readonly href: string;
  readonly by: 'start' | 'link' | 'back';
  readonly scrollY: number;
}

const address = (): string => `${location.pathname}${location.search}`;

export const place = store<Place>({ href: address(), by: 'start', scrollY: 0 });

/** Goes to a page of the storefront. @param replace without an entry in the history, for pages that are not worth going back to */
export function navigate(href: string, { replace = false }: { replace?: boolean } = {}): void {
  if (!replace) {
    history.replaceState({ scrollY }, '');
    history.pushState(null, '', href);
  } else history.replaceState(history.state, '', href);
  place.set({ href: address(), by: 'link', scrollY: 0 });
}

/** Begins to follow the browser's own buttons. */
export function followHistory(): void {
  history.scrollRestoration = 'manual';
  addEventListener('popstate', ({ state }) => {
    // Only the skip link's fragment has changed.
    if (address() === place.get().href) return;
    place.set({ href: address(), by: 'back', scrollY: (state as { scrollY?: number } | null)?.scrollY ?? 0 });
  });
}
