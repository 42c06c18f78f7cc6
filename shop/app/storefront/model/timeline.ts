import type { Entry, Stage } from './journey.ts';

/** A journey whose stages are simply the entries of its history: of a return, of a pre-order. */
export function timelineOf(
  history: readonly Entry[],
  open: { readonly name: string; readonly note: string } | undefined,
  end: 'failed' | 'ended' | undefined,
): Stage[] {
  const stages = history.map(({ what, at }, index): Stage => {
    const isLast = index === history.length - 1;
    return { name: what.charAt(0).toUpperCase() + what.slice(1), state: (isLast && end) || 'done', note: '', at };
  });
  return open ? [...stages, { ...open, state: 'current', at: undefined }] : stages;
}
