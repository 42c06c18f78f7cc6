/** How a process of the fleet ended: by which signal, or with which code. */
export interface Ending {
  readonly process: string;
  readonly how: string;
  readonly mono: number;
  /** Whether we requested it; otherwise it was observed. */
  readonly planned: boolean;
}

const LINE = /^(\S+) ended \((\S+)\) (?:and is started again|when it was stopped)$/;

/** What the fleet says of those that ended. */
export function endingsIn(text: string): { readonly process: string; readonly how: string }[] {
  return text.split('\n').flatMap((line) => {
    const [, process, how] = LINE.exec(line) ?? [];
    return process === undefined || how === undefined ? [] : [{ process, how }];
  });
}

/** The endings without a request, each in words. */
export function unasked(endings: readonly Ending[]): string[] {
  const asked = endings.filter(({ planned }) => planned);
  return endings
    .filter(({ planned }) => !planned)
    .flatMap((ending) => {
      const at = asked.findIndex(({ process, how, mono }) => process === ending.process && how === ending.how && mono <= ending.mono);
      if (at >= 0) asked.splice(at, 1);
      return at >= 0 ? [] : [`${ending.process} ended unexpectedly (${ending.how})`];
    });
}
