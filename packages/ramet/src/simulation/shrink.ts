/**
 * Finds a small part of `all` that still fails, by delta debugging (Zeller and Hildebrandt, 2002): halves are removed, then
 * quarters, and so on, until nothing can be removed. Where `groups` says what belongs together, whole groups are tried first.
 * @param fails whether a run with only these fails in the same way; `all` itself is known to fail
 * @param budget how many runs there may be at most; the best result so far is returned then
 */
export async function shrink(
  all: readonly string[],
  fails: (some: readonly string[]) => Promise<boolean>,
  { groupOf = (id: string) => id, budget = 120 }: { groupOf?: (id: string) => string; budget?: number } = {},
): Promise<{ readonly left: readonly string[]; readonly runs: number }> {
  let left = [...all];
  let runs = 0;
  const failsWith = async (some: readonly string[]): Promise<boolean> => {
    if (runs >= budget) return false;
    runs++;
    return fails(some);
  };
  if (left.length > 0 && (await failsWith([]))) return { left: [], runs };
  for (const group of new Set(left.map(groupOf))) {
    const rest = left.filter((id) => groupOf(id) !== group);
    if (rest.length < left.length && rest.length > 0 && (await failsWith(rest))) left = rest;
  }
  for (let parts = 2; left.length > 1; ) {
    const size = Math.ceil(left.length / parts);
    let smaller: string[] | undefined;
    for (let from = 0; from < left.length && smaller === undefined; from += size) {
      const part = left.slice(from, from + size);
      const rest = [...left.slice(0, from), ...left.slice(from + size)];
      if (parts === 2 && (await failsWith(part))) smaller = part;
      else if (rest.length > 0 && (await failsWith(rest))) smaller = rest;
    }
    if (smaller !== undefined) {
      parts = smaller.length <= size ? 2 : Math.max(2, parts - 1);
      left = smaller;
    } else if (size === 1 || runs >= budget) break;
    else parts = Math.min(left.length, parts * 2);
  }
  return { left, runs };
}

/** The number of places from the beginning at which a fault is tried. */
const OCCURRENCES = 24;

/**
 * Looks for a failure with fewer faults by moving one fault to another occurrence of its place: the first occurrence often fails as the
 * twenty-fifth does, which needed other faults to be reached. Ids are `kind@place#occurrence`.
 */
export async function reanchor(
  left: readonly string[],
  fails: (some: readonly string[]) => Promise<boolean>,
  budget = 100,
): Promise<{ readonly left: readonly string[]; readonly runs: number }> {
  let runs = 0;
  for (const kept of [[], ...left.map((id) => [id])]) {
    if (kept.length + 1 >= left.length) continue;
    for (let n = 1; n <= OCCURRENCES; n++) {
      for (const place of new Set(left.map((id) => id.slice(0, id.lastIndexOf('#'))))) {
        if (runs >= budget) return { left, runs };
        runs++;
        const some = [...kept, `${place}#${n}`];
        if (await fails(some)) return { left: some, runs };
      }
    }
  }
  return { left, runs };
}
