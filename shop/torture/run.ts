import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exit, freePorts, launchShop, type ShopProcess } from '../harness/shop-process.ts';
import { Databases } from './databases.ts';
import { newHistory } from './history.ts';
import { type Death, planDeaths } from './kill-plan.ts';
import type { TortureOptions } from './options.ts';
import { randomOf } from './random.ts';
import { SagaWatch } from './saga-watch.ts';
import { type Subscriptions, subscriptions } from './subscriptions.ts';
import { isEmpty, isFinished, type Unfinished, unfinished } from './unfinished.ts';
import type { Evidence, Life } from './verdict/check.ts';
import { Workload } from './workload.ts';

/** From the last restart on; issue 2 promises it of every order. */
const SETTLE_MS = 120_000;
const LOOK_MS = 250;
/** How long the shop bears the full load before it is told to end. */
const LOADED_MS = 1_500;
/** The shop gives itself 25 s. */
const STOP_MS = 30_000;

/**
 * Runs one shop through all its lives under load, and gathers what is left of it.
 * @param folder gets the shop's data and its logs
 * @param tell is told how it goes, in lines for people
 */
export async function run(options: TortureOptions, folder: string, tell: (line: string) => void): Promise<Evidence> {
  const lives = new Lives(folder, await subscriptions(), tell);
  const random = randomOf(options.seed);
  const deaths = planDeaths(options, random.fork('deaths'));
  const shop = await lives.begin(deaths[0]);
  const history = newHistory();
  const { clients, customers } = options;
  const workload = new Workload({ port: shop.ports.web, clients, customers, random: random.fork('workload'), history });
  try {
    workload.start();
    for (const [index, death] of deaths.entries()) {
      if (index > 0) await lives.begin(death);
      // What takes long to settle is placed early, so that the end need not wait for it.
      if (index === Math.ceil(deaths.length / 3)) workload.slowCards = false;
      await lives.kill(death, () => workload.waiting);
    }
    if (deaths.length > 0) await lives.begin(undefined);
    await lives.ready();
    if (options.sigterm) {
      await sleep(LOADED_MS);
      await lives.terminate(() => workload.waiting);
      await lives.begin(undefined);
      await lives.ready();
    }
    const settling = await settle(lives, workload);
    await workload.view();
    await lives.terminate(() => workload.waiting);
    return { ...lives.evidence(), history, settling };
  } finally {
    workload.close();
    await lives.end();
  }
}

async function settle(lives: Lives, workload: Workload): Promise<Evidence['settling']> {
  const { startedMono } = lives;
  const left = () => Math.max(0, startedMono + SETTLE_MS - performance.now());
  await workload.finish(left());
  for (;;) {
    const state = lives.look();
    const ms = performance.now() - startedMono;
    if (isFinished(state)) return { ms, left: undefined };
    if (ms > SETTLE_MS) return { ms, left: state };
    await sleep(LOOK_MS);
  }
}

/** The shop's lives, one after another, on the same data and ports. */
class Lives {
  readonly #dataDir: string;
  readonly #logs: string;
  readonly #subscriptions: Subscriptions;
  readonly #tell: (line: string) => void;
  readonly #watch = new SagaWatch();
  readonly #lives: Life[] = [];
  /** Where the output of each life begins. */
  readonly #output: { readonly stdout: number; readonly stderr: number }[] = [];
  #shop: ShopProcess | undefined;
  #ready: Promise<number | undefined> = Promise.resolve(undefined);
  startedMono = 0;

  constructor(folder: string, from: Subscriptions, tell: (line: string) => void) {
    this.#dataDir = join(folder, 'data');
    this.#logs = join(folder, 'logs');
    this.#subscriptions = from;
    this.#tell = tell;
    mkdirSync(this.#logs, { recursive: true });
  }

  /** Starts the next life, and does not wait until it is ready: it may not come to that. */
  async begin(death: Death | undefined): Promise<ShopProcess> {
    const env = {
      LOG_LEVEL: 'info',
      RATE_LIMIT: '10000000/15m',
      ...(death?.kind === 'point' ? { SHOP_STOP_AT: death.stopAt } : {}),
    };
    this.#output.push({ stdout: this.#shop?.stdout.length ?? 0, stderr: this.#shop?.stderr.length ?? 0 });
    this.startedMono = performance.now();
    let ready: Promise<void>;
    if (this.#shop) ready = this.#shop.restart(env);
    else {
      this.#shop = await launchShop({ dataDir: this.#dataDir, ports: await freePorts(), env });
      ready = this.#shop.ready();
    }
    this.#ready = ready.then(
      () => performance.now(),
      () => undefined,
    );
    return this.#shop;
  }

  async ready(): Promise<void> {
    if ((await this.#ready) === undefined) throw new Error(`the shop does not start:\n${this.#own().stderr.slice(-4_000)}`);
  }

  async kill(death: Death, waiting: () => number): Promise<void> {
    const shop = this.#own();
    const readyMono = await this.#ready;
    const waitMs = death.kind === 'moment' ? death.afterReadyMs : death.giveUpMs;
    const reached = readyMono === undefined || (await Promise.race([shop.exited.then(() => true), sleep(waitMs, false)]));
    const endedMono = performance.now();
    const requests = waiting();
    const exit = await shop.kill();
    this.#record({ planned: death, reached, readyMono, toldMono: undefined, endedMono, requests, exit });
  }

  /** Asks the shop to end in order. One that does not is killed. */
  async terminate(waiting: () => number): Promise<void> {
    const shop = this.#own();
    const readyMono = await this.#ready;
    const requests = waiting();
    const toldMono = performance.now();
    const late = setTimeout(() => shop.killNow(), STOP_MS);
    const exit = await shop.terminate();
    clearTimeout(late);
    this.#record({ planned: 'SIGTERM', reached: true, readyMono, toldMono, endedMono: performance.now(), requests, exit });
  }

  /** What is under way on disk; the shop may live. */
  look(): Unfinished {
    using databases = new Databases(this.#dataDir);
    return unfinished(databases, this.#subscriptions);
  }

  evidence(): Omit<Evidence, 'history' | 'settling'> {
    this.#writeLogs();
    return {
      dataDir: this.#dataDir,
      databases: new Databases(this.#dataDir),
      subscriptions: this.#subscriptions,
      lives: this.#lives,
      watched: this.#watch.violations,
    };
  }

  async end(): Promise<void> {
    await this.#shop?.[Symbol.asyncDispose]();
    this.#writeLogs();
  }

  #own(): ShopProcess {
    if (!this.#shop) throw new Error('there is no shop yet');
    return this.#shop;
  }

  #record({
    exit,
    ...life
  }: Pick<Life, 'planned' | 'reached' | 'readyMono' | 'toldMono' | 'endedMono' | 'requests'> & { exit: Exit }): void {
    const hit = this.#inspect();
    const number = this.#lives.length + 1;
    const logFiles = ['out', 'err'].map((stream) => join(this.#logs, `life-${String(number).padStart(3, '0')}.${stream}`));
    this.#lives.push({ ...life, number, startedMono: this.startedMono, signal: exit.signal, code: exit.code, hit, logFiles });
    this.#tell(lineOf(this.#lives.at(-1) as Life));
  }

  #inspect(): Unfinished | undefined {
    using databases = new Databases(this.#dataDir);
    if (isEmpty(databases)) return undefined;
    this.#watch.observe(databases);
    return unfinished(databases, this.#subscriptions);
  }

  #writeLogs(): void {
    const { stdout = '', stderr = '' } = this.#shop ?? {};
    for (const [index, { logFiles }] of this.#lives.entries()) {
      const from = this.#output[index];
      const to = this.#output[index + 1];
      writeFileSync(logFiles[0] as string, stdout.slice(from?.stdout, to?.stdout));
      writeFileSync(logFiles[1] as string, stderr.slice(from?.stderr, to?.stderr));
    }
  }
}

function lineOf({ number, planned, reached, startedMono, readyMono, endedMono, hit, requests, signal, code }: Life): string {
  const how =
    planned === 'SIGTERM'
      ? `SIGTERM, ended with ${code ?? signal}`
      : planned.kind === 'point'
        ? `${reached ? 'killed at' : 'killed before'} ${planned.stopAt}`
        : 'killed';
  const ready =
    readyMono === undefined
      ? 'never ready'
      : `ready after ${((readyMono - startedMono) / 1_000).toFixed(2)} s, lived ${((endedMono - readyMono) / 1_000).toFixed(2)} s`;
  const under = hit
    ? `${hit.openSagas} sagas, ${hit.compensations} compensations, ${hit.effects} effects, ${hit.events} events, ${requests} requests under way`
    : 'nothing on disk yet';
  return `life ${number}: ${ready}; ${how}; ${under}`;
}
