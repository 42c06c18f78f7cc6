import type { Invariant, Simulated, Violation } from './face.ts';

/** Checks an invariant of a user. A check that throws counts as a violation: what it would have found is unknown. */
export async function checked({ id, check }: Invariant, sim: Simulated): Promise<Violation[]> {
  try {
    const wrong: unknown = await check(sim);
    if (wrong === undefined || wrong === null) return [];
    const details = Array.isArray(wrong) ? wrong : [wrong];
    if (details.every((detail) => typeof detail === 'string')) return details.map((detail) => ({ id, detail }));
    return [{ id, detail: `the check answered ${JSON.stringify(wrong)}: answer what is wrong, in words, or nothing` }];
  } catch (error) {
    return [{ id, detail: `the check failed: ${(error as Error)?.stack ?? String(error)}` }];
  }
}
