/** The names of the fields of `T`, complete by its type: a field that is added to `T` must be added here. */
export type NamesOf<T> = Readonly<Record<keyof T & string, true>>;

/** A name that differs in more letters is another word, not a slip. */
const SLIPS_MAX = 2;

/**
 * Finds fields that nothing reads, because their name is misspelled or belongs elsewhere. Without this they would be ignored silently.
 * @returns a problem for each, with the nearest known name
 */
export function unknownNames(given: unknown, known: Readonly<Record<string, true>>): string[] {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) return [];
  const names = Object.keys(known);
  return Object.keys(given)
    .filter((name) => !Object.hasOwn(known, name))
    .map((name) => {
      const near = nearest(name, names);
      const advice = near === undefined ? `the names here are ${names.map((each) => `'${each}'`).join(', ')}` : `write '${near}'`;
      return `'${name}' is not a known name: ${advice}`;
    });
}

function nearest(name: string, names: readonly string[]): string | undefined {
  const given = name.toLowerCase();
  let best: { readonly name: string; readonly slips: number } | undefined;
  for (const candidate of names) {
    const other = candidate.toLowerCase();
    // An ending that is too much or missing is a slip too, as in `busses` for `bus`.
    const slips = given.startsWith(other) || other.startsWith(given) ? Math.min(1, distance(given, other)) : distance(given, other);
    if (slips <= SLIPS_MAX && slips * 2 < other.length && (best === undefined || slips < best.slips)) best = { name: candidate, slips };
  }
  return best?.name;
}

/** Counts the letters to add, remove or replace that make one word of the other. */
function distance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, at) => at);
  for (let i = 0; i < a.length; i++) {
    const next = [i + 1];
    for (let j = 0; j < b.length; j++)
      next.push(Math.min((row[j] as number) + (a[i] === b[j] ? 0 : 1), (row[j + 1] as number) + 1, (next[j] as number) + 1));
    row = next;
  }
  return row[b.length] as number;
}
