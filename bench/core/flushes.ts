import { readFileSync } from 'node:fs';

export interface Flushes {
  /** By all threads of this process. */
  readonly count: number;
  /** How long the event loop has stood in them, in microseconds. */
  readonly loopUs: number;
}

/** The flushes of this process so far; undefined where no slow flush counts them. */
export function flushes(): Flushes | undefined {
  const { LD_PRELOAD, FLUSH_COUNTS } = process.env;
  if (!LD_PRELOAD || FLUSH_COUNTS === undefined) return undefined;
  const counts = readFileSync(FLUSH_COUNTS);
  return { count: Number(counts.readBigUInt64LE(0) + counts.readBigUInt64LE(16)), loopUs: Number(counts.readBigUInt64LE(8)) };
}

/** How many flushes each of `many` pieces of work took since `before`, as a figure; none where they are not counted. */
export function flushesEach(before: Flushes | undefined, many: number): Record<string, number> {
  const after = flushes();
  return before && after ? { 'flushes each': (after.count - before.count) / many } : {};
}
