import { describe, expect, test } from 'vitest';

/** What an adapter cannot do although its port requires it: the name of the case, and why. */
export type Exceptions = Readonly<Record<string, string>>;

/** Registers one case of a suite. */
export type Case = (title: string, run: () => Promise<void> | void) => void;

/**
 * Registers a conformance suite. Every case is on. An adapter excludes one only by naming it with a reason, which the report
 * shows; a name that belongs to no case fails.
 */
export function conformanceSuite(name: string, exceptions: Exceptions | undefined, cases: (it: Case) => void): void {
  describe(name, () => {
    const titles = new Set<string>();
    cases((title, run) => {
      if (titles.has(title)) throw new Error(`two cases of '${name}' are called '${title}'`);
      titles.add(title);
      const reason = exceptions?.[title];
      if (reason === undefined) test(title, run);
      else test.skip(`${title} (not here: ${reason})`, run);
    });
    test('every exception of the adapter names a case', () => {
      expect(Object.keys(exceptions ?? {}).filter((title) => !titles.has(title))).toEqual([]);
    });
  });
}
