import type { RunOne } from './campaign.ts';
import type { RunResult, Violation } from './face.ts';

/** The result of a kill at each point. */
export interface Exploration {
  readonly deployment: string;
  /** How many points the processes passed. A process was killed once at each of them. */
  readonly points: number;
  readonly failures: readonly { readonly point: string; readonly n: number; readonly violations: readonly Violation[] }[];
}

/**
 * Kills at each point: runs the scenario once without any fault to record the points that its processes pass, and then once for each
 * point, with a kill exactly there.
 */
export async function explore(run: RunOne, seed: string, deployment: string, atOnce = 1): Promise<Exploration> {
  const { points, violations }: RunResult = await run(seed, { deployment, points: true });
  if (violations.length > 0) return { deployment, points: 0, failures: [{ point: '(none)', n: 0, violations }] };
  const counts = new Map<string, number>();
  const places = points.map((point) => {
    const n = (counts.get(point) ?? 0) + 1;
    counts.set(point, n);
    return { point, n };
  });
  const failures: { point: string; n: number; violations: readonly Violation[] }[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    for (let place = places[next++]; place; place = places[next++]) {
      const result = await run(seed, { deployment, kill: place });
      if (result.violations.length > 0) failures.push({ ...place, violations: result.violations });
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return { deployment, points: places.length, failures };
}
