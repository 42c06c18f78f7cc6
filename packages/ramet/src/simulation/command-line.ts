import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { realPlatform, SECOND } from '../platform/index.ts';
import { type CampaignReport, campaign, type RunOne } from './campaign.ts';
import { explore } from './explore.ts';
import type { RunResult, Simulation } from './face.ts';
import { type Prepared, prepare } from './prepare.ts';
import { renderExploration, renderFailure, renderReport } from './report.ts';
import { deploymentsOf, runSeed } from './run.ts';

const HELP = `Runs simulations of a topology.

  --seeds <n>         how many seeds (default 100)
  --from <n>          the first seed (default 1)
  --seed <n>          only this seed, with its trace; with --faults exactly these faults happen
  --faults <ids>      ids of faults, separated by commas, or a file of them, one a line
  --scenario <name>   which simulation (default: all of them)
  --deployment <name> how the services are spread over processes (default: each seed takes one)
  --explore           kills at every single point of the small simulations, once each
  --workers <n>       processes that run seeds (default: as many as there are processors)
  --keep-faults       does not make failing runs small
  --log               with --seed: the log of all processes, on standard error
  --failures <n>      ends after so many seeds that failed (default 5)
  --json <file>       writes the report there as well
`;

interface Ask {
  readonly id: number;
  readonly scenario: string;
  readonly seed: string;
  readonly options: Parameters<RunOne>[1];
}

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
  if (process.send && process.env['RAMET_SIMULATION_WORKER']) return serve(all);
  const { values } = parseArgs({
    options: {
      ...{ seeds: { type: 'string' }, from: { type: 'string' }, seed: { type: 'string' }, faults: { type: 'string' } },
      ...{ scenario: { type: 'string' }, deployment: { type: 'string' }, workers: { type: 'string' }, json: { type: 'string' } },
      ...{
        failures: { type: 'string' },
        explore: { type: 'boolean' },
        'keep-faults': { type: 'boolean' },
        log: { type: 'boolean' },
        help: { type: 'boolean' },
      },
    },
  });
  if (values.help) return void process.stdout.write(HELP);
  const names = values.scenario === undefined ? Object.keys(values.explore ? explored : campaigns) : [values.scenario];
  for (const name of names) if (!all[name]) fail(`there is no simulation '${name}'; there are ${Object.keys(all).join(', ')}`);
  if (values.seed !== undefined) return one(all, names, values.seed, values);
  const workers = count('workers', values.workers, availableParallelism());
  const pool = new Pool(workers);
  let broken = 0;
  try {
    if (values.explore) {
      for (const name of names) broken += await exploreAll(pool, name, all[name] as Simulation, workers);
    } else {
      const seeds = count('seeds', values.seeds, 100);
      const reports: Record<string, CampaignReport> = {};
      const clock = realPlatform().clock;
      const beganMono = clock.monoNow();
      for (const [n, name] of names.entries()) {
        const share = Math.floor(seeds / names.length) + (n < seeds % names.length ? 1 : 0);
        if (share === 0) continue;
        const report = await campaign(pool.runner(name), {
          seeds: share,
          from: count('from', values.from, 1),
          atOnce: workers,
          failuresMax: count('failures', values.failures, 5),
          keepFaults: values['keep-faults'] === true,
          ...(values.deployment === undefined ? {} : { deployment: values.deployment }),
        });
        reports[name] = report;
        const seconds = (clock.monoNow() - beganMono) / SECOND;
        process.stdout.write(renderReport(name, report, seconds));
        for (const failure of report.failures) process.stdout.write(renderFailure(name, failure));
        broken += report.failures.length + report.nondeterministic.length;
      }
      if (values.json) writeFileSync(values.json, JSON.stringify(reports, undefined, 2));
    }
  } finally {
    pool.close();
  }
  process.exitCode = broken === 0 ? 0 : 1;
}

async function exploreAll(pool: Pool, name: string, simulation: Simulation, workers: number): Promise<number> {
  let broken = 0;
  const { services, gateways } = simulation.topology;
  for (const deployment of Object.keys(
    deploymentsOf(simulation, { services: new Map(Object.entries(services)), gateways: new Map(Object.entries(gateways)) } as never),
  )) {
    const exploration = await explore(pool.runner(name), 'explore', deployment, workers);
    process.stdout.write(renderExploration(name, exploration));
    broken += exploration.failures.length;
  }
  return broken;
}

/** One seed in this process, told in full. */
async function one(
  all: Readonly<Record<string, Simulation>>,
  names: readonly string[],
  seed: string,
  values: { faults?: string | undefined; deployment?: string | undefined; log?: boolean | undefined },
): Promise<void> {
  for (const name of names) {
    const simulation = all[name] as Simulation;
    const prepared = await prepare(simulation);
    const only = values.faults === undefined ? undefined : new Set(faultIds(values.faults));
    const result = await runSeed(simulation, prepared, seed, {
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

/** Ids as they are, or those in a file. Ids contain no slash and no newline. */
function faultIds(given: string): string[] {
  const text = /@/.test(given) || given === '' ? given : readFileSync(given, 'utf8');
  return text
    .split(/[,\n]/)
    .map((id) => id.trim())
    .filter((id) => id !== '');
}

/** A worker: runs what it is asked for, one at a time. */
function serve(all: Readonly<Record<string, Simulation>>): Promise<void> {
  const prepared = new Map<string, Promise<Prepared>>();
  let last: Promise<void> = Promise.resolve();
  process.on('message', (ask: Ask) => {
    last = last.then(async () => {
      const simulation = all[ask.scenario] as Simulation;
      const ready = prepared.get(ask.scenario) ?? prepare(simulation);
      prepared.set(ask.scenario, ready);
      try {
        const { only, ...options } = ask.options ?? {};
        const result = await runSeed(simulation, await ready, ask.seed, { ...options, ...(only ? { only: new Set(only) } : {}) });
        process.send?.({ id: ask.id, result });
      } catch (error) {
        process.send?.({ id: ask.id, error: (error as Error).stack ?? String(error) });
      }
    });
  });
  return new Promise((resolve) => {
    process.on('disconnect', () => {
      void Promise.all([...prepared.values()].map(async (ready) => (await ready).dispose())).then(
        () => resolve(process.exit(0)),
        () => process.exit(1),
      );
    });
  });
}

/** Worker processes, each with one run at a time. */
class Pool {
  readonly #free: ChildProcess[] = [];
  readonly #workers: ChildProcess[] = [];
  readonly #waiting: ((worker: ChildProcess) => void)[] = [];
  #id = 0;

  constructor(size: number) {
    for (let i = 0; i < size; i++) {
      const worker = fork(process.argv[1] as string, [], { env: { ...process.env, RAMET_SIMULATION_WORKER: '1' } });
      this.#workers.push(worker);
      this.#free.push(worker);
    }
  }

  runner(scenario: string): RunOne {
    return async (seed, options) => {
      const worker = this.#free.pop() ?? (await new Promise<ChildProcess>((resolve) => this.#waiting.push(resolve)));
      try {
        return await this.#ask(worker, { id: ++this.#id, scenario, seed, options });
      } finally {
        const waiting = this.#waiting.shift();
        if (waiting) waiting(worker);
        else this.#free.push(worker);
      }
    };
  }

  #ask(worker: ChildProcess, ask: Ask): Promise<RunResult> {
    return new Promise((resolve, reject) => {
      const done = (end: () => void) => {
        worker.off('message', onMessage);
        worker.off('exit', onExit);
        end();
      };
      const onMessage = (message: { id: number; result?: RunResult; error?: string }) => {
        if (message.id !== ask.id) return;
        done(() => (message.result ? resolve(message.result) : reject(new Error(message.error))));
      };
      const onExit = (code: number | null) =>
        done(() => reject(new Error(`a worker ended with ${code} in seed ${ask.seed} of '${ask.scenario}'`)));
      worker.on('message', onMessage);
      worker.on('exit', onExit);
      worker.send(ask);
    });
  }

  close(): void {
    for (const worker of this.#workers) if (worker.connected) worker.disconnect();
  }
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
