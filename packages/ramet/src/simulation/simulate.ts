import type { Topology } from '../runtime/index.ts';
import { type CampaignOptions, type CampaignReport, campaign, type FailedSeed } from './campaign.ts';
import type { RunResult, SimulationOptions } from './face.ts';
import { prepare } from './prepare.ts';
import { runSeed } from './run.ts';

/**
 * Runs the services of a topology under seeds: in one process, on simulated time, network, disks and chance, with faults
 * that the seed decides, and checks that every invariant holds, the framework's own and those given. The topology's own
 * stores and buses are not touched.
 * @returns what happened; `failures` is empty when every promise was kept in every run
 * @throws whatever loading the services or `setup` throws
 */
export async function simulate(
  topology: Pick<Topology, 'services' | 'gateways'>,
  { seeds = 100, from = 1, ...options }: SimulationOptions & Partial<Omit<CampaignOptions, 'atOnce'>>,
): Promise<CampaignReport> {
  const simulation = { topology, ...options };
  const prepared = await prepare(simulation);
  try {
    return await campaign((seed, { only, ...run } = {}) => runSeed(prepared, seed, { ...run, ...(only ? { only: new Set(only) } : {}) }), {
      ...options,
      seeds,
      from,
    });
  } finally {
    prepared.dispose();
  }
}

/**
 * Runs a seed that has failed again, with exactly the faults that it failed with: what a regression test keeps of a failure.
 * @param failure as `simulate` reports it
 * @throws RangeError when there is no such deployment
 */
export async function replay(
  topology: Pick<Topology, 'services' | 'gateways'>,
  options: SimulationOptions,
  { seed, deployment, faults }: Pick<FailedSeed, 'seed' | 'deployment' | 'faults'>,
): Promise<RunResult> {
  const prepared = await prepare({ topology, ...options });
  try {
    return await runSeed(prepared, seed, { deployment, only: new Set(faults) });
  } finally {
    prepared.dispose();
  }
}
