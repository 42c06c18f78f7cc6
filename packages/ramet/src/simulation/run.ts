import { createAdmin } from '../admin/index.ts';
import type { AnyContract } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import { durationMs } from '../platform/index.ts';
import type { ClientOf } from '../rpc/index.ts';
import { ANONYMOUS, type Caller } from '../security/index.ts';
import { CallChecks } from './calls.ts';
import { checked } from './checked.ts';
import { guarded } from './escape.ts';
import type { RunResult, Simulated, Simulation, Violation } from './face.ts';
import { type CommandEnd, frameworkInvariants, type Handled } from './invariants.ts';
import { Keyed } from './keyed.ts';
import type { Double } from './outside.ts';
import { stirring } from './rest.ts';
import { asRun } from './run-context.ts';
import type { Disk, Shelf } from './storage.ts';
import { realTurn, type System, World } from './world.ts';

/** Narrows what may happen in one run. */
export interface RunOptions {
  readonly deployment?: string;
  /** Allows exactly these faults. */
  readonly only?: ReadonlySet<string>;
  /** Kills the process that passes this point for the n-th time (from 1), and allows no other fault. */
  readonly kill?: { readonly point: string; readonly n: number };
  /** Records the points that processes pass, without any fault. */
  readonly points?: boolean;
  readonly log?: (line: string) => void;
}

const SETUP_LIMIT_MS = 10 * 60_000;
/** How long the run continues after the last late message: late messages must not change anything. */
const AFTERMATH_MS = 3_000;
const LOOK_MS = 500;
/** The share of seeds whose network is never healed: everything must come to rest anyway. */
const LIVENESS_SHARE = 0.25;
/** How often an operator looks for work. */
const OPERATOR_MS = 10_000;

/** A simulation that is ready to run seeds: everything loaded, and the stores filled once. */
export interface PreparedSimulation {
  readonly simulation: Simulation;
  readonly definitions: Pick<System, 'services' | 'gateways'>;
  /** What `setup` left: every seed begins with a copy. */
  readonly template: Disk;
  readonly shelf: Shelf;
  dispose(): void;
}

/** Runs one seed to its end: faults during the scenario, then healing, rest, and every invariant. */
export async function runSeed(prepared: PreparedSimulation, seed: string, options: RunOptions = {}): Promise<RunResult> {
  return new SeedRun(prepared, seed, options).run();
}

/** One run of one seed, and what it found. */
class SeedRun {
  readonly #prepared: PreparedSimulation;
  readonly #seed: string;
  readonly #options: RunOptions;
  readonly #deployment: string;
  readonly #mode: RunResult['mode'];
  readonly #system: System;
  readonly #violations: Violation[] = [];
  readonly #sometimes = new Set<string>();
  readonly #asked: CommandEnd[] = [];
  readonly #handled: Handled[] = [];
  readonly #points: string[] = [];
  /** How often the process to be killed has passed the point at which it is. */
  #passed = 0;

  /** @throws RangeError when there is no such deployment */
  constructor(prepared: PreparedSimulation, seed: string, options: RunOptions) {
    const { simulation, definitions } = prepared;
    const deployments = deploymentsOf(simulation);
    this.#prepared = prepared;
    this.#seed = seed;
    this.#options = options;
    this.#deployment = options.deployment ?? deploymentFor(simulation, seed);
    this.#mode = !this.#isQuiet && new Keyed(seed).of('mode') < LIVENESS_SHARE ? 'liveness' : 'safety';
    const processes = deployments[this.#deployment];
    if (!processes) throw new RangeError(`there is no deployment '${this.#deployment}'; there are ${Object.keys(deployments).join(', ')}`);
    this.#system = { ...definitions, processes };
  }

  /** Whether no fault happens that the seed decides. */
  get #isQuiet(): boolean {
    return this.#options.kill !== undefined || this.#options.points === true;
  }

  async run(): Promise<RunResult> {
    const { simulation, template, shelf } = this.#prepared;
    const disk = shelf.disk();
    disk.copyOf(template);
    const doubles = Object.fromEntries(Object.entries(simulation.externals ?? {}).map(([name, make]) => [name, make()]));
    const world = this.#worldOn(disk, doubles);
    const sim = simulatedOf(world, {
      deployment: this.#deployment,
      doubles,
      violations: this.#violations,
      sometimes: this.#sometimes,
      asked: this.#asked,
    });
    try {
      await asRun({ onRejection: this.#uncaught, onEscape: this.#escaped }, () => guarded(() => this.#live(world, sim)));
    } finally {
      disk.remove();
    }
    return this.#resultOf(world);
  }

  readonly #escaped = (detail: string): void => void this.#violations.push({ id: 'escape', detail });

  readonly #uncaught = (error: unknown): void =>
    void this.#violations.push({ id: 'uncaught', detail: (error as Error)?.stack ?? String(error) });

  #worldOn(disk: Disk, externals: Readonly<Record<string, Double>>): World {
    const { kill, points, only, log } = this.#options;
    const calls: CallChecks = new CallChecks(
      () => world.scheduler.now,
      (id, detail) => this.#violations.push({ id, detail }),
      (what) => this.#sometimes.add(what),
    );
    const world: World = new World({
      seed: this.#seed,
      system: this.#system,
      disk,
      intensities: this.#isQuiet ? {} : (this.#prepared.simulation.faults ?? {}),
      only: this.#isQuiet ? new Set() : only,
      externals,
      ...(log ? { log } : {}),
      onEvent: (subscriber, _type, outcome, eventId) => void (outcome === 'handled' && this.#handled.push({ subscriber, eventId })),
      instrument: (caller) => calls.instrument(caller),
      onMissing: this.#escaped,
      onPoint: (of, at, site) => {
        // Clients cannot be killed, and a replaced process has no place any more.
        if (!of.faults.active || at.process.current !== at) return;
        const point = `${at.process.name}.${site}`;
        if (points) this.#points.push(point);
        if (kill?.point === point && ++this.#passed === kill.n) of.kill(at.process, `killed at ${point} #${this.#passed}`, 200);
      },
    });
    return world;
  }

  /** Runs the world from its boot to its end. Never rejects: a failure is a violation. */
  async #live(world: World, sim: Simulated): Promise<void> {
    try {
      await world.until(world.boot());
      await this.#play(world, sim);
      await world.until(this.#judge(world, sim));
    } catch (error) {
      const id = (error as Error).name === 'Livelock' ? 'livelock' : 'run';
      this.#violations.push({ id, detail: (error as Error).stack ?? String(error) });
    }
    await world.close().catch(this.#uncaught);
    await realTurn();
  }

  /** Plays the scenario with its faults, then waits for rest, and again after the last late message has arrived. */
  async #play(world: World, sim: Simulated): Promise<void> {
    const { simulation } = this.#prepared;
    const settleMs = durationMs(simulation.settleWithin ?? '15m');
    world.trouble();
    const stop = this.#watch(world, sim);
    const scenarioMs = durationMs(simulation.scenarioWithin ?? '10m');
    await world.until(simulation.scenario(sim), scenarioMs, "the scenario has not ended; let it do less, or raise 'scenarioWithin'");
    world.heal(this.#mode === 'liveness' ? 'as it is' : 'healed');
    await settle(world, sim, this.#system, settleMs, this.#violations);
    await world.until(world.sleep(Math.max(0, world.network.lastArrivalMs - world.scheduler.now) + AFTERMATH_MS));
    await settle(world, sim, this.#system, settleMs, this.#violations);
    stop();
  }

  /** Checks once a second the invariants that must always hold. @returns what ends that */
  #watch(world: World, sim: Simulated): () => void {
    const always = (this.#prepared.simulation.invariants ?? []).filter(({ when }) => when === 'always');
    let done = false;
    const watching = async () => {
      while (!done) {
        await world.sleep(1_000);
        for (const invariant of always) this.#violations.push(...(await checked(invariant, sim)));
      }
    };
    if (always.length > 0) watching().catch(this.#uncaught);
    return () => {
      done = true;
    };
  }

  /** Checks every invariant, of the framework and of the simulation, at the end. */
  async #judge(world: World, sim: Simulated): Promise<void> {
    const { simulation } = this.#prepared;
    const twice = new Set(world.faults.fired.flatMap(({ id }) => /^duplicate@client>[^.]*\.(.*)#\d+$/.exec(id)?.[1] ?? []));
    const evidence = { asked: this.#asked, handled: this.#handled, deadLetters: simulation.deadLetters === 'expected', twice };
    this.#violations.push(...(await frameworkInvariants(sim, this.#system, evidence)));
    for (const invariant of simulation.invariants ?? []) this.#violations.push(...(await checked(invariant, sim)));
  }

  #resultOf({ faults, scheduler, errors }: World): RunResult {
    const violations = distinct(this.#violations);
    return {
      seed: this.#seed,
      deployment: this.#deployment,
      mode: this.#mode,
      violations,
      fired: faults.fired,
      traceHash: scheduler.traceHash,
      events: scheduler.events,
      simulatedMs: scheduler.now,
      sometimes: [...this.#sometimes],
      points: this.#points,
      trace: violations.length > 0 ? scheduler.trace : [],
      logged: violations.length > 0 ? errors : [],
    };
  }
}

/** Starts the system as one process, fills `disk` as `setup` says, and stops it in order. */
export async function runSetup(simulation: Simulation, definitions: PreparedSimulation['definitions'], disk: Disk): Promise<void> {
  const doubles = Object.fromEntries(Object.entries(simulation.externals ?? {}).map(([name, make]) => [name, make()]));
  const processes = { setup: [...definitions.services.keys()] };
  const unhandled: unknown[] = [];
  const world = new World({
    ...{ seed: 'setup', system: { ...definitions, processes }, disk, intensities: {}, externals: doubles },
    onMissing: (detail) => unhandled.push(new Error(detail)),
  });
  const run = { deployment: 'setup', doubles, violations: [] as Violation[], sometimes: new Set<string>(), asked: [] };
  const sim = simulatedOf(world, run);
  await asRun({ onRejection: (reason) => void unhandled.push(reason) }, async () => {
    try {
      await world.until(world.boot());
      await world.until(simulation.setup?.(sim) ?? Promise.resolve());
      await settle(world, sim, { ...definitions, processes }, SETUP_LIMIT_MS, run.violations);
      if (run.violations.length > 0) throw new Error(`the setup does not come to rest: ${run.violations[0]?.detail}`);
      await world.until(world.processes[0]?.current?.runtime?.stop() ?? Promise.resolve());
    } finally {
      await world.close();
      await realTurn();
    }
  });
  if (unhandled.length > 0) throw unhandled[0];
}

/** Returns the deployments of a simulation: its own, or `monolith` and `services`. */
export function deploymentsOf({ deployments, topology }: Simulation): NonNullable<Simulation['deployments']> {
  const all = [...Object.keys(topology.services), ...Object.keys(topology.gateways)];
  return deployments ?? { monolith: { monolith: all }, services: Object.fromEntries(all.map((name) => [name, [name]])) };
}

/** Chooses the deployment of a seed. */
export function deploymentFor(simulation: Simulation, seed: string): string {
  const names = Object.keys(deploymentsOf(simulation));
  return names[Math.floor(new Keyed(seed).of('deployment') * names.length)] as string;
}

/** Waits until nothing moves. An operator retries whatever waits for one. */
async function settle(world: World, sim: Simulated, system: System, limitMs: number, violations: Violation[]): Promise<void> {
  let operatorMs = world.scheduler.now;
  const untilMs = world.scheduler.now + limitMs;
  let stirs: string[] = [];
  const look = async () => {
    if (!world.processes.every(({ current }) => current?.runtime)) stirs = ['a process has not started again'];
    else {
      if (world.scheduler.now >= operatorMs) {
        operatorMs += OPERATOR_MS;
        await asOperator(world, sim, system);
      }
      stirs = await stirring(sim, system);
    }
  };
  for (;;) {
    await world.until(look());
    if (stirs.length === 0) return;
    if (world.scheduler.now > untilMs) {
      violations.push({ id: 'INV-25', detail: `still moving ${limitMs / 1_000} s after the trouble was over: ${stirs.join('; ')}` });
      return;
    }
    await world.until(world.sleep(LOOK_MS));
  }
}

/** Acts as an operator who sees that the faults are over and retries what needs attention. */
async function asOperator(world: World, sim: Simulated, system: System): Promise<void> {
  for (const service of system.services.keys()) {
    const waiting = await sim.rows<{ id: string }>(
      service,
      "select id from ramet_sagas where state in ('COMPENSATION_FAILED', 'IN_DOUBT')",
    );
    for (const { id } of waiting) {
      const at = world.placeOf(service).end();
      const transport = at?.transport;
      if (!at?.runtime || !transport) continue;
      sim.sometimes('an operator was needed');
      const admin = createAdmin({
        platform: at.platform,
        services: [...at.runtime.services.values()],
        transport,
        transportOf: () => transport,
        health: at.runtime.health,
      });
      const act = admin.routes.find(({ method, path }) => method === 'POST' && path === '/sagas/:id/actions');
      await act?.run({ params: { id }, query: {}, body: { kind: 'retry' } } as never).catch(() => {});
    }
  }
}

function simulatedOf(
  world: World,
  run: {
    deployment: string;
    doubles: Readonly<Record<string, Double>>;
    violations: Violation[];
    sometimes: Set<string>;
    asked: CommandEnd[];
  },
): Simulated {
  const keyed = new Keyed(`${world.seed}|scenario`);
  return {
    seed: world.seed,
    deployment: run.deployment,
    client: (contract, as = ANONYMOUS, policy = {}) => noting(contract, world.clientOf(contract, as, policy), run.asked),
    request: (gateway, request) => world.ask(gateway, request),
    user: (subject, scopes = []): Caller => ({ kind: 'user', subject, scopes }),
    kill: (service, downFor) => world.killHost(service, durationMs(downFor)),
    sleep: (duration) => world.sleep(typeof duration === 'number' ? duration : durationMs(duration)),
    now: () => world.scheduler.now,
    int: (what, least, most) => keyed.int(what, least, most),
    chance: (what) => keyed.next(what),
    pick: (what, from) => keyed.pick(what, from),
    external: <T>(name: string) => run.doubles[name] as T,
    db: async (service) => (await world.store(service)).reader.db,
    rows: async (service, sql, ...params) => (await world.store(service)).reader.all(sql, ...params),
    sometimes: (what) => void run.sometimes.add(what),
    violated: (id, detail) => void run.violations.push({ id, detail }),
  };
}

/** Records the answers to a client's keyed commands. */
function noting<C extends AnyContract>(contract: C, client: ClientOf<C>, asked: CommandEnd[]): ClientOf<C> {
  const noted: Record<string, unknown> = {};
  for (const [operation, call] of Object.entries(client as Record<string, any>)) {
    if (!(operation in contract.commands)) {
      noted[operation] = call;
      continue;
    }
    const note = (options: { key?: string } | undefined, outcome: CommandEnd['outcome']) => {
      if (options?.key !== undefined) asked.push({ service: contract.name, operation, key: options.key, outcome });
    };
    const outcomeOf = (error: unknown): CommandEnd['outcome'] =>
      error instanceof RametError ? (error.executed === 'no' ? 'not executed' : 'unknown') : 'declared';
    const wrap =
      (inner: (input: unknown, options?: { key?: string }) => Promise<any>) => async (input: unknown, options?: { key?: string }) => {
        try {
          const answer = await inner(input, options);
          note(options, 'ok');
          return answer;
        } catch (error) {
          note(options, outcomeOf(error));
          throw error;
        }
      };
    noted[operation] = Object.assign(wrap(call), { try: wrap(call.try) });
  }
  return noted as ClientOf<C>;
}

function distinct(violations: readonly Violation[]): Violation[] {
  const seen = new Set<string>();
  return violations.filter(({ id, detail }) => {
    const what = `${id} ${detail}`;
    if (seen.has(what)) return false;
    seen.add(what);
    return true;
  });
}
