import type { RunResult, Violation } from './face.ts';
import type { FaultKind } from './faults.ts';
import type { RunOptions } from './run.ts';
import { reanchor, shrink } from './shrink.ts';

/** Runs one seed, here or in another process. */
export type RunOne = (
  seed: string,
  options?: Omit<RunOptions, 'log' | 'only'> & { readonly only?: readonly string[] },
) => Promise<RunResult>;

/** Which seeds a campaign runs, and how. */
export interface CampaignOptions {
  readonly seeds: number;
  /** The first seed's number (default 1). */
  readonly from?: number;
  /** How many runs may be under way (default 1). */
  readonly atOnce?: number;
  /** Every so many seeds are run twice: their traces must be equal (default 20). */
  readonly twiceEvery?: number;
  /** Ends the campaign after so many failed seeds (default 5). */
  readonly failuresMax?: number;
  /** Reports failing runs with all their faults, without shrinking them. */
  readonly keepFaults?: boolean;
  /** Which deployment all seeds take; by default each seed takes one. */
  readonly deployment?: string;
  readonly onProgress?: (report: CampaignReport) => void;
}

/** A seed that failed, with a minimal set of faults with which it fails. */
export interface FailedSeed {
  readonly seed: string;
  readonly deployment: string;
  readonly violations: readonly Violation[];
  readonly faults: readonly string[];
  readonly shrunkIn: number;
  readonly trace: readonly string[];
  /** What processes logged as errors last. */
  readonly logged: readonly string[];
}

/** The sums over all runs of a campaign, and its failures. */
export interface CampaignReport {
  seeds: number;
  runs: number;
  events: number;
  simulatedMs: number;
  readonly faults: Partial<Record<FaultKind, number>>;
  readonly deployments: Record<string, number>;
  readonly modes: Record<string, number>;
  readonly sometimes: Record<string, number>;
  /** Seeds that were run twice, and those of them whose traces differ. */
  repeated: number;
  readonly nondeterministic: string[];
  readonly failures: FailedSeed[];
}

/** Runs many seeds, sums up the results, and shrinks failures. */
export async function campaign(run: RunOne, options: CampaignOptions): Promise<CampaignReport> {
  const { seeds, from = 1, atOnce = 1, twiceEvery = 20, failuresMax = 5 } = options;
  const report: CampaignReport = {
    ...{ seeds: 0, runs: 0, events: 0, simulatedMs: 0, repeated: 0 },
    ...{ faults: {}, deployments: {}, modes: {}, sometimes: {}, nondeterministic: [], failures: [] },
  };
  const where = options.deployment === undefined ? {} : { deployment: options.deployment };
  let next = from;
  const worker = async (): Promise<void> => {
    while (next < from + seeds && report.failures.length < failuresMax) {
      const number = next++;
      const seed = `${number}`;
      const result = await run(seed, where);
      add(report, result);
      if (number % twiceEvery === 0) {
        report.repeated++;
        const again = await run(seed, where);
        report.runs++;
        if (again.traceHash !== result.traceHash) report.nondeterministic.push(seed);
      }
      if (result.violations.length > 0) report.failures.push(await failureOf(run, result, options.keepFaults === true));
      options.onProgress?.(report);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return report;
}

function add(report: CampaignReport, result: RunResult): void {
  report.seeds++;
  report.runs++;
  report.events += result.events;
  report.simulatedMs += result.simulatedMs;
  for (const { kind } of result.fired) report.faults[kind] = (report.faults[kind] ?? 0) + 1;
  for (const what of result.sometimes) report.sometimes[what] = (report.sometimes[what] ?? 0) + 1;
  report.deployments[result.deployment] = (report.deployments[result.deployment] ?? 0) + 1;
  report.modes[result.mode] = (report.modes[result.mode] ?? 0) + 1;
}

/** Shrinks the failure of a run to as few faults as it needs. Only the same broken invariant counts as the same failure. */
async function failureOf(run: RunOne, result: RunResult, keepFaults: boolean): Promise<FailedSeed> {
  const broken = result.violations[0]?.id;
  const all = result.fired.map(({ id }) => id);
  const { seed, deployment } = result;
  let smallest = result;
  const fails = async (only: readonly string[]): Promise<boolean> => {
    const again = await run(seed, { deployment, only });
    const same = again.violations.some(({ id }) => id === broken);
    if (same) smallest = again;
    return same;
  };
  if (keepFaults)
    return { seed, deployment, violations: result.violations, faults: all, shrunkIn: 0, trace: result.trace, logged: result.logged };
  const few = await shrink(all, fails, { groupOf: (id) => id.slice(0, id.indexOf('@')) });
  const fewer = await reanchor(few.left, fails);
  const { violations, trace, logged } = smallest;
  return { seed, deployment, violations, faults: fewer.left, shrunkIn: few.runs + fewer.runs, trace, logged };
}
