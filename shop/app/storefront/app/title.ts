import { useEffect } from 'react';

export const SHOP = 'Ramet Goods';

/** Names the page for tabs, bookmarks and those who hear it. */
export function useTitle(title: string): void {
  useEffect(() => {
    document.title = title === SHOP ? SHOP : `${title} · ${SHOP}`;
  }, [title]);
}
