import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { declaredGraph } from 'ramet/runtime';
import topology from '../../../app/topology.ts';
import { Databases } from '../databases.ts';
import { type History, newHistory } from '../history.ts';
import type { TortureOptions } from '../options.ts';
import { type Random, randomOf } from '../random.ts';
import { settle } from '../run.ts';
import { SagaWatch } from '../saga-watch.ts';
import { subscriptions } from '../subscriptions.ts';
import type { Unfinished } from '../unfinished.ts';
import type { Evidence, Struck } from '../verdict/check.ts';
import { Workload } from '../workload.ts';
import { unasked } from './endings.ts';
import { type OwnEngines, startEngines } from './engines.ts';
import { type Fault, kindOf, type PlannedFault, planFaults, wordsOf } from './faults.ts';
import { FleetUnderFire } from './fleet.ts';
import { ProcessWires } from './process-wires.ts';
import { Schemas, TURN } from './schemas.ts';
import type { WireCutter } from './wire-cutter.ts';

/** How long all of it bears the full load before it is stopped. */
const LOADED_MS = 1_500;
/** For so long a process is waited for that is to come to a point. */
const POINT_MS = 3_000;
/** When the process that was meant is just not there. */
const NOBODY = 'a process that is not running';
/** For so long transactions are waited for that lose their connection at their COMMIT. */
const COMMITS_MS = 5_000;
/** Longer than breakers of a chain of three stay open, one after another. */
const CALM_MS = 120_000;
/** These run more than once: partitions, sagas and effects are shared, and taken over. */
const REPLICAS: Readonly<Record<string, number>> = { orders: 2, payments: 2, inventory: 2 };

/**
 * Runs a shop of many processes on engines of its own through all that is planned for them, under load, and gathers what is
 * left of it. The engines are stopped then, and what they have stored is below `folder`.
 */
export async function runServices(options: TortureOptions, folder: string, tell: (line: string) => void): Promise<Evidence> {
  const random = randomOf(options.seed);
  const processes = [...Object.keys(topology.services), ...Object.keys(topology.gateways)];
  const called = [...new Set(Object.values(await declaredGraph(topology)).flat())].sort();
  const plan = planFaults({ ...options, processes, called, replicated: Object.keys(REPLICAS) }, random.fork('faults'));
  await using engines = await startEngines(join(folder, 'engines'), options.bus);
  const instances = processes.reduce((sum, name) => sum + (REPLICAS[name] ?? 1), 0);
  const replicas = Object.entries(REPLICAS).map(([name, count]) => `${name}=${count}`);
  await using between = await ProcessWires.open(2 * instances);
  await using fleet = new FleetUnderFire(folder, { ...engines.env, REPLICAS: replicas.join(',') }, instances, between.ports);
  await using schemas = new Schemas(engines.postgres);
  const subscribed = await subscriptions();
  const ill: string[] = [];
  const watch = new SagaWatch();
  const look = () => schemas.unfinished(subscribed);
  const beganMono = performance.now();
  await fleet.begin();
  tell(`${instances} processes are ready after ${seconds(performance.now() - beganMono)}`);
  const { ports } = fleet.shop;
  const history = newHistory();
  const { clients, customers } = options;
  const counter = { port: ports.admin, tokenFile: join(fleet.dataDir, 'admin.token') };
  using workload = new Workload({ port: ports.web, clients, customers, random: random.fork('workload'), history, counter });
  workload.start();

  const struck: Struck[] = [];
  for (const [index, planned] of plan.entries()) {
    if (index === Math.ceil(plan.length / 3)) workload.slowCards = false;
    workload.gentle = planned.calm;
    const waitedMono = performance.now();
    if (planned.calm && !(await isCalm(fleet, history, struck.at(-1)))) ill.push(`not everything came back before fault ${index + 1}`);
    const recoveredMs = performance.now() - waitedMono;
    // A replacement of everything is long, and under this load longer.
    workload.gentle = planned.fault.kind === 'replace';
    await sleep(planned.afterMs);
    watch.observe(await schemas.sagas());
    struck.push(await strikeOnce(planned, { fleet, engines, between, ill, look, random: random.fork(`fault ${index}`) }, index + 1));
    tell(lineOf(struck.at(-1) as Struck, recoveredMs));
  }
  workload.gentle = false;
  if (!(await fleet.whole())) ill.push('not every process came back after the last fault');
  await sleep(LOADED_MS);
  if (options.sigterm) {
    await fleet.terminate();
    tell('SIGTERM under load; everything is started again');
    await fleet.begin();
  }
  const startedMono = Math.max(fleet.startedMono, struck.at(-1)?.endedMono ?? 0);
  const settling = await settle({ startedMono, look }, workload);
  watch.observe(await schemas.sagas());
  await workload.view();
  await fleet.terminate();
  tell('everything has ended; PostgreSQL is examined and its tables are copied');
  const unsound = await schemas.unsound();
  await schemas.copyTo(fleet.dataDir);
  return {
    dataDir: fleet.dataDir,
    databases: new Databases(fleet.dataDir),
    subscriptions: subscribed,
    history,
    lives: fleet.lives,
    faults: struck,
    watched: watch.violations,
    settling,
    order: options.bus === 'kafka' ? 'key and type' : 'key',
    turn: TURN,
    engines: engines.folders,
    unsound,
    ill: [...ill, ...unasked(fleet.endings)],
  };
}

/** Whether all processes are there and orders are taken again: breakers that opened stay so for half a minute. */
async function isCalm(fleet: FleetUnderFire, { placements }: History, last: Struck | undefined): Promise<boolean> {
  if (!(await fleet.whole())) return false;
  const sinceMono = last?.endedMono ?? fleet.startedMono;
  const untilMono = performance.now() + CALM_MS;
  const taken = () => placements.some(({ answers }) => answers.some(({ status, endedMono }) => status === 202 && endedMono > sinceMono));
  while (performance.now() < untilMono) {
    if (taken()) return true;
    await sleep(100);
  }
  return false;
}

interface Scene {
  readonly fleet: FleetUnderFire;
  readonly engines: OwnEngines;
  readonly between: ProcessWires;
  /** Called with what does not recover. */
  readonly ill: string[];
  readonly look: () => Promise<Unfinished>;
  readonly random: Random;
}

async function strikeOnce({ fault }: PlannedFault, scene: Scene, number: number): Promise<Struck> {
  const hit = await scene.look();
  const startedMono = performance.now();
  const more = await strike(fault, scene);
  return {
    number,
    kind: kindOf(fault),
    words: wordsOf(fault) + (more === undefined ? '' : `, ${more}`),
    startedMono,
    endedMono: performance.now(),
    hit,
  };
}

/** @returns what came of it, where that is not plain */
async function strike(fault: Fault, { fleet, engines, between, ill, random }: Scene): Promise<string | undefined> {
  switch (fault.kind) {
    case 'kill': {
      const found = fault.targets.flatMap((target) => fleet.find(target) ?? []);
      fleet.signal([...new Map(found.map((instance) => [instance.pid, instance])).values()], 'SIGKILL');
      // A signal takes a moment: a process that has not ended would count as running.
      await Promise.all(found.map((instance) => fleet.gone(instance)));
      return undefined;
    }
    case 'kill at point': {
      const found = fleet.find(fault.target);
      if (!found) return NOBODY;
      const reached = await fleet.killAt(found, fault.stopAt, POINT_MS);
      await fleet.gone(found);
      return reached ? undefined : 'before it came there';
    }
    case 'kill all':
      await fleet.kill();
      await fleet.begin();
      return undefined;
    case 'pause': {
      const found = fleet.find(fault.target);
      if (!found) return NOBODY;
      fleet.signal([found], 'SIGSTOP');
      await sleep(fault.seconds * 1_000);
      fleet.signal([found], 'SIGCONT');
      return undefined;
    }
    case 'terminate': {
      const found = fleet.find(fault.target);
      if (!found) return NOBODY;
      fleet.signal([found], 'SIGTERM');
      await fleet.gone(found);
      return undefined;
    }
    case 'replace':
      if (!(await fleet.replace())) ill.push('a replacement of every process did not come to its end');
      return undefined;
    case 'restart':
      await engines.restart(fault.engine, fault.how);
      return undefined;
    case 'cut':
    case 'hold':
      return disturb(fault, { fleet, engines, between });
    case 'cut commits': {
      const { postgres } = engines.wires;
      const untilMono = performance.now() + COMMITS_MS;
      const wanted = postgres.commitsCut + fault.count;
      postgres.cutCommits(Array.from({ length: fault.count }, () => random.chance(0.5)));
      while (postgres.commitsCut < wanted && performance.now() < untilMono) await sleep(20);
      return postgres.commitsCut < wanted ? `only ${fault.count - wanted + postgres.commitsCut} of them` : undefined;
    }
  }
}

async function disturb(
  fault: Extract<Fault, { kind: 'cut' | 'hold' }>,
  { fleet, engines, between }: Pick<Scene, 'fleet' | 'engines' | 'between'>,
): Promise<string> {
  const wires = wiresOf(fault, { fleet, engines, between });
  const cuts = () => wires.reduce((sum, wire) => sum + wire.cuts, 0);
  const before = cuts();
  if (fault.kind === 'hold') {
    for (const wire of wires) wire.hold();
    await sleep(fault.seconds * 1_000);
    for (const wire of wires) wire.release();
  } else for (const wire of wires) wire.cut();
  return `${cuts() - before} of them`;
}

function wiresOf(
  { line, target }: Extract<Fault, { kind: 'cut' | 'hold' }>,
  { fleet, engines, between }: Pick<Scene, 'fleet' | 'engines' | 'between'>,
): readonly WireCutter[] {
  if (line !== 'processes') return [engines.wires[line] ?? []].flat();
  if (!target) return between.all;
  const found = fleet.find(target);
  return [(found && between.to(found.ports.rpcPort)) ?? []].flat();
}

function lineOf({ number, words, startedMono, endedMono, hit }: Struck, recoveredMs: number): string {
  const under = `${hit.openSagas} sagas, ${hit.compensations} compensations, ${hit.effects} effects, ${hit.events} events under way`;
  return `fault ${number}, ${seconds(recoveredMs)} of rest before: ${words}; took ${seconds(endedMono - startedMono)}; ${under}`;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
