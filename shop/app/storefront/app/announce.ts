import { store } from './store.ts';

/** What was said last to those who hear the page. The count makes the same words new. */
export const said = store<{ readonly words: string; readonly count: number }>({ words: '', count: 0 });

/** Reads something out that is only seen to change otherwise. */
export function announce(words: string): void {
  said.set({ words, count: said.get().count + 1 });
}
