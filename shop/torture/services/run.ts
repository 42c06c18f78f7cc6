import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import topology from '../../topology.ts';
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
import { type Fault, type PlannedFault, planFaults, wordsOf } from './faults.ts';
import { FleetUnderFire } from './fleet.ts';
import { Schemas, TURN } from './schemas.ts';

/** How long all of it bears the full load before it is told to end. */
const LOADED_MS = 1_500;
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
  const plan = planFaults({ ...options, processes, replicated: Object.keys(REPLICAS) }, random.fork('faults'));
  await using engines = await startEngines(join(folder, 'engines'), options.bus);
  const instances = processes.reduce((sum, name) => sum + (REPLICAS[name] ?? 1), 0);
  const replicas = Object.entries(REPLICAS).map(([name, count]) => `${name}=${count}`);
  await using fleet = new FleetUnderFire(folder, { ...engines.env, REPLICAS: replicas.join(',') }, instances);
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
    if (planned.calm && !(await isCalm(fleet, history, struck.at(-1)))) ill.push(`not everything came back before fault ${index + 1}`);
    await sleep(planned.afterMs);
    watch.observe(await schemas.sagas());
    struck.push(await strikeOnce(planned, { fleet, engines, ill, look, random: random.fork(`fault ${index}`) }, index + 1));
    tell(lineOf(struck.at(-1) as Struck));
  }
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
  /** Told of what does not come back. */
  readonly ill: string[];
  readonly look: () => Promise<Unfinished>;
  readonly random: Random;
}

async function strikeOnce({ fault }: PlannedFault, scene: Scene, number: number): Promise<Struck> {
  const hit = await scene.look();
  const startedMono = performance.now();
  await strike(fault, scene);
  return {
    number,
    kind: fault.kind === 'restart' ? `${fault.engine} restart` : fault.kind,
    words: wordsOf(fault),
    startedMono,
    endedMono: performance.now(),
    hit,
  };
}

async function strike(fault: Fault, { fleet, engines, ill, random }: Scene): Promise<void> {
  const { wire } = engines;
  switch (fault.kind) {
    case 'kill': {
      const found = fault.targets.flatMap((target) => fleet.find(target) ?? []);
      return fleet.signal([...new Map(found.map((instance) => [instance.pid, instance])).values()], 'SIGKILL');
    }
    case 'kill all':
      await fleet.kill();
      return fleet.begin();
    case 'pause': {
      const found = fleet.find(fault.target);
      if (!found) return;
      fleet.signal([found], 'SIGSTOP');
      await sleep(fault.seconds * 1_000);
      return fleet.signal([found], 'SIGCONT');
    }
    case 'terminate': {
      const found = fleet.find(fault.target);
      if (!found) return;
      fleet.signal([found], 'SIGTERM');
      return fleet.gone(found);
    }
    case 'replace':
      if (!(await fleet.replace())) ill.push('a replacement of every service did not come to its end');
      return;
    case 'restart':
      return engines.restart(fault.engine, fault.how);
    case 'cut':
      return wire.cut();
    case 'cut commits': {
      const untilMono = performance.now() + COMMITS_MS;
      const wanted = wire.commitsCut + fault.count;
      wire.cutCommits(Array.from({ length: fault.count }, () => random.chance(0.5)));
      while (wire.commitsCut < wanted && performance.now() < untilMono) await sleep(20);
      return;
    }
    case 'hold':
      wire.hold();
      await sleep(fault.seconds * 1_000);
      return wire.release();
  }
}

function lineOf({ number, words, startedMono, endedMono, hit }: Struck): string {
  const under = `${hit.openSagas} sagas, ${hit.compensations} compensations, ${hit.effects} effects, ${hit.events} events under way`;
  return `fault ${number}: ${words}; took ${seconds(endedMono - startedMono)}; ${under}`;
}

const seconds = (ms: number): string => `${(ms / 1_000).toFixed(2)} s`;
