import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { realPlatform, SECOND } from '../platform/index.ts';
import { type CampaignReport, campaign } from './campaign.ts';
import { isWorker, serve, Workers } from './command-line-workers.ts';
import { type Exploration, explore } from './explore.ts';
import type { Simulation } from './face.ts';
import { prepare } from './prepare.ts';
import { renderExploration, renderFailure, renderReport } from './report.ts';
import { deploymentsOf, runSeed } from './run.ts';

const HELP = `Runs the simulations of a project under seeds. Ends with 1 when a promise was broken.

  --seeds <n>         how many seeds (default 100)
  --from <n>          the first seed (default 1)
  --seed <n>          only this seed, with its trace
  --faults <ids>      with --seed: exactly these faults happen; ids separated by commas, or a file of them, one a line;
                      '' means without faults
  --scenario <name>   which simulation (default: all of them)
  --deployment <name> how the services are spread over processes (default: each seed takes one)
  --explore           kills at every single point of the small simulations, once each
  --workers <n>       processes that run seeds (default: as many as there are processors)
  --keep-faults       does not make failing runs small
  --log               with --seed: the log of all processes, on standard error
  --failures <n>      ends after so many seeds that failed (default 5)
  --json <file>       writes the report there as well
`;

/**
 * The command line of a project's simulations: call it from a file of your own with all of them, and run that file.
 * Seeds are spread over worker processes. Ends the process with 1 when a promise was broken.
 * @param explored small simulations, whose every kill point is tried by `--explore`
 */
export async function simulations(
  campaigns: Readonly<Record<string, Simulation>>,
  { explored = {} }: { explored?: Readonly<Record<string, Simulation>> } = {},
): Promise<void> {
  const all = { ...campaigns, ...explored };
  if (isWorker()) return serve(all);
  const values = given();
  if (values.help) return void process.stdout.write(HELP);
  const names = values.scenario === undefined ? Object.keys(values.explore ? explored : campaigns) : [values.scenario];
  for (const name of names) {
    const simulation = all[name];
    if (!simulation) return fail(`there is no simulation '${name}'; there are ${Object.keys(all).join(', ')}`);
    const deployments = Object.keys(deploymentsOf(simulation));
    if (values.deployment !== undefined && !deployments.includes(values.deployment))
      return fail(`'${name}' has no deployment '${values.deployment}'; there are ${deployments.join(', ')}`);
  }
  if (values.seed !== undefined) return one(all, names, values.seed, values);
  for (const flag of ['faults', 'log'] as const) if (values[flag] !== undefined) fail(`--${flag} needs --seed`);
  const atOnce = count('workers', values.workers, availableParallelism());
  const seeds = count('seeds', values.seeds, 100);
  const options = {
    from: count('from', values.from, 1),
    atOnce,
    failuresMax: count('failures', values.failures, 5),
    keepFaults: values['keep-faults'] === true,
    ...(values.deployment === undefined ? {} : { deployment: values.deployment }),
  };
  const workers = new Workers(atOnce);
  const { clock } = realPlatform();
  const reports: Record<string, CampaignReport | readonly Exploration[]> = {};
  let broken = 0;
  try {
    for (const [n, name] of names.entries()) {
      const simulation = all[name] as Simulation;
      const run = workers.runner(name, simulation);
      if (values.explore) {
        const explorations: Exploration[] = [];
        for (const deployment of values.deployment === undefined ? Object.keys(deploymentsOf(simulation)) : [values.deployment]) {
          const exploration = await explore(run, 'explore', deployment, atOnce);
          process.stdout.write(renderExploration(name, exploration));
          explorations.push(exploration);
          broken += exploration.failures.length;
        }
        reports[name] = explorations;
        continue;
      }
      const share = Math.floor(seeds / names.length) + (n < seeds % names.length ? 1 : 0);
      if (share === 0) continue;
      const beganMono = clock.monoNow();
      const report = await campaign(run, { ...options, seeds: share });
      reports[name] = report;
      process.stdout.write(renderReport(name, report, (clock.monoNow() - beganMono) / SECOND));
      for (const failure of report.failures) process.stdout.write(renderFailure(name, failure));
      broken += report.failures.length + report.nondeterministic.length;
    }
    if (values.json) writeFileSync(values.json, JSON.stringify(reports, undefined, 2));
  } finally {
    workers.close();
  }
  process.exitCode = broken === 0 ? 0 : 1;
}

function given() {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  try {
    return parseArgs({
      options: {
        ...{ seeds: text, from: text, seed: text, faults: text, scenario: text, deployment: text, workers: text, failures: text },
        ...{ json: text, explore: flag, 'keep-faults': flag, log: flag, help: flag },
      },
    }).values;
  } catch (error) {
    return fail(`${(error as Error).message.split('\n')[0]}; --help says what there is`);
  }
}

/** Runs one seed in this process, and reports it in full. */
async function one(
  all: Readonly<Record<string, Simulation>>,
  names: readonly string[],
  seed: string,
  values: { faults?: string | undefined; deployment?: string | undefined; log?: boolean | undefined },
): Promise<void> {
  const only = values.faults === undefined ? undefined : new Set(faultIds(values.faults));
  for (const name of names) {
    const prepared = await prepare(all[name] as Simulation);
    const result = await runSeed(prepared, seed, {
      ...(only ? { only } : {}),
      ...(values.deployment === undefined ? {} : { deployment: values.deployment }),
      ...(values.log ? { log: (line: string) => void process.stderr.write(line) } : {}),
    });
    prepared.dispose();
    const faults = result.fired.map(({ id }) => id);
    process.stdout.write(renderFailure(name, { ...result, faults, shrunkIn: 0 }));
    if (result.violations.length > 0) process.exitCode = 1;
  }
}

/** Ids as they are, or those in a file; every id has an @ in it. */
function faultIds(idsOrFile: string): string[] {
  let text = idsOrFile;
  if (text !== '' && !text.includes('@')) {
    try {
      text = readFileSync(idsOrFile, 'utf8');
    } catch (error) {
      fail(`--faults is '${idsOrFile}': neither ids of faults nor a file that can be read (${(error as Error).message})`);
    }
  }
  return text
    .split(/[,\n]/)
    .map((id) => id.trim())
    .filter((id) => id !== '');
}

function count(name: string, given: string | undefined, otherwise: number): number {
  if (given === undefined) return otherwise;
  const number = Number(given);
  if (!Number.isInteger(number) || number < 1) return fail(`--${name} is '${given}': give a whole number from 1`);
  return number;
}

function fail(why: string): never {
  process.stderr.write(`${why}\n`);
  process.exit(1);
}
