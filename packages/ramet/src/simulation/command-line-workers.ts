import { type ChildProcess, fork } from 'node:child_process';
import type { RunOne } from './campaign.ts';
import type { RunResult, Simulation } from './face.ts';
import { prepare } from './prepare.ts';
import { deploymentFor, type PreparedSimulation, runSeed } from './run.ts';
import { removeShelvesOf } from './storage.ts';

/** Says to a program that it was started to run seeds for another one. */
const ROLE = 'RAMET_SIMULATION_WORKER';

interface Ask {
  readonly id: number;
  readonly scenario: string;
  readonly seed: string;
  readonly options: NonNullable<Parameters<RunOne>[1]> & { readonly deployment: string };
}
type WorkerAnswer = { readonly id: number } & ({ readonly result: RunResult } | { readonly error: string });

/** Whether this process was started to run seeds for another one. */
export const isWorker = (): boolean => process.send !== undefined && process.env[ROLE] !== undefined;

/** A worker: runs the requested seeds, one at a time, until its parent has ended. */
export function serve(all: Readonly<Record<string, Simulation>>): Promise<void> {
  const prepared = new Map<string, Promise<PreparedSimulation>>();
  const tell = (told: WorkerAnswer) => void process.send?.(told);
  let last: Promise<void> = Promise.resolve();
  process.on('message', ({ id, scenario, seed, options: { only, ...options } }: Ask) => {
    last = last.then(async () => {
      const ready = prepared.get(scenario) ?? prepare(all[scenario] as Simulation);
      prepared.set(scenario, ready);
      try {
        tell({ id, result: await runSeed(await ready, seed, { ...options, ...(only ? { only: new Set(only) } : {}) }) });
      } catch (error) {
        tell({ id, error: (error as Error).stack ?? String(error) });
      }
    });
  });
  return new Promise(() => process.on('disconnect', () => process.exit(0)));
}

/** Processes that run seeds, one at a time each. One that dies is a finding, and is replaced. */
export class Workers {
  readonly #all = new Set<ChildProcess>();
  readonly #free: ChildProcess[] = [];
  readonly #waiting: ((worker: ChildProcess) => void)[] = [];
  #id = 0;

  constructor(size: number) {
    for (let i = 0; i < size; i++) this.#free.push(this.#fork());
  }

  /** Runs seeds of one simulation. Rejects with what the simulation throws while it is loaded and set up. */
  runner(scenario: string, simulation: Simulation): RunOne {
    return async (seed, options) => {
      const free = this.#free.pop() ?? (await new Promise<ChildProcess>((resolve) => this.#waiting.push(resolve)));
      const worker = this.#all.has(free) ? free : this.#fork();
      const deployment = options?.deployment ?? deploymentFor(simulation, seed);
      try {
        return await this.#ask(worker, { id: ++this.#id, scenario, seed, options: { ...options, deployment } });
      } finally {
        const waiting = this.#waiting.shift();
        if (waiting) waiting(worker);
        else this.#free.push(worker);
      }
    };
  }

  close(): void {
    for (const worker of this.#all) if (worker.connected) worker.disconnect();
  }

  #fork(): ChildProcess {
    const worker = fork(process.argv[1] as string, [], { env: { ...process.env, [ROLE]: '1' } });
    this.#all.add(worker);
    worker.on('exit', () => {
      this.#all.delete(worker);
      removeShelvesOf(worker.pid as number);
    });
    // The caller that waits for it is notified of its end.
    worker.on('error', () => {});
    return worker;
  }

  #ask(worker: ChildProcess, ask: Ask): Promise<RunResult> {
    return new Promise((resolve, reject) => {
      const done = (end: () => void) => {
        worker.off('message', onMessage);
        worker.off('exit', onExit);
        end();
      };
      const onMessage = (told: WorkerAnswer) => {
        if (told.id === ask.id) done(() => ('result' in told ? resolve(told.result) : reject(new Error(told.error))));
      };
      const onExit = (code: number | null, signal: string | null) => done(() => resolve(died(ask, signal ?? `code ${code}`)));
      worker.on('message', onMessage);
      worker.on('exit', onExit);
      worker.send(ask, () => {});
    });
  }
}

/** The result of a run whose process did not live to tell: as good a reason to look at the seed as a broken promise. */
const died = ({ seed, options }: Ask, how: string): RunResult => ({
  seed,
  deployment: options.deployment,
  violations: [{ id: 'worker', detail: `the process that ran the seed ended by ${how}` }],
  ...{ fired: [], traceHash: '', events: 0, simulatedMs: 0, sometimes: [], mode: 'safety', points: [], trace: [], logged: [] },
});
