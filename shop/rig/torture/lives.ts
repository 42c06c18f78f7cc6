import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Exit, freePorts, launchShop, type ShopProcess } from '../harness/shop-process.ts';
import { Databases } from './databases.ts';
import type { Death } from './kill-plan.ts';
import { SagaWatch, sagasIn } from './saga-watch.ts';
import type { Subscriptions } from './subscriptions.ts';
import { isEmpty, type Unfinished, unfinished } from './unfinished.ts';
import type { Evidence, Life } from './verdict/check.ts';

/** The shop gives itself 25 s. */
const STOP_MS = 30_000;

/** The lives of one shop, one after another, on the same data and ports. After each of them the disk is looked at. */
export class Lives implements AsyncDisposable {
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
  #startedMono = 0;

  /** @param folder gets the shop's data and its logs; @param tell is called with a line for people about each life that has ended */
  constructor(folder: string, subscriptions: Subscriptions, tell: (line: string) => void) {
    this.#dataDir = join(folder, 'data');
    this.#logs = join(folder, 'logs');
    this.#subscriptions = subscriptions;
    this.#tell = tell;
    mkdirSync(this.#logs, { recursive: true });
  }

  /** When the present life began. */
  get startedMono(): number {
    return this.#startedMono;
  }

  /** Starts the next life, and does not wait until it is ready: it may not come to that. */
  async begin(death?: Death): Promise<ShopProcess> {
    const env = {
      LOG_LEVEL: 'info',
      RATE_LIMIT: '10000000/15m',
      ...(death?.kind === 'point' ? { SHOP_STOP_AT: death.stopAt } : {}),
    };
    this.#output.push({ stdout: this.#shop?.stdout.length ?? 0, stderr: this.#shop?.stderr.length ?? 0 });
    const known = this.#shop;
    this.#shop ??= await launchShop({ dataDir: this.#dataDir, ports: await freePorts(), env });
    const shop = this.#shop;
    let over = false;
    this.#ready = (known ? shop.restart(env) : shop.ready()).then(
      () => performance.now(),
      () => {
        over = true;
        return undefined;
      },
    );
    // Only from its launch on does the process speak of this life.
    while (shop.pid === undefined && !over) await sleep(1);
    this.#startedMono = performance.now();
    return shop;
  }

  async ready(): Promise<void> {
    if ((await this.#ready) === undefined) throw new Error(`the shop does not start:\n${this.#own().stderr.slice(-4_000)}`);
  }

  /** Waits for the death that was planned, and sees to it. */
  async kill(death: Death): Promise<void> {
    const shop = this.#own();
    const start = death.kind === 'start';
    const readyMono = start ? undefined : await this.#ready;
    const waitMs = death.kind === 'moment' ? death.afterReadyMs : death.kind === 'point' ? death.giveUpMs : death.afterStartMs;
    const died = !start && readyMono === undefined;
    const reached = died || (await Promise.race([shop.exited.then(() => true), sleep(waitMs, false)]));
    const endedMono = performance.now();
    const exit = await shop.kill();
    this.#record({ planned: death, reached, readyMono: await this.#ready, toldMono: undefined, endedMono, exit });
  }

  /** Asks the shop to end in order. One that does not is killed. */
  async terminate(): Promise<void> {
    const shop = this.#own();
    const readyMono = await this.#ready;
    const toldMono = performance.now();
    const late = setTimeout(() => shop.killNow(), STOP_MS);
    const exit = await shop.terminate();
    clearTimeout(late);
    this.#record({ planned: 'SIGTERM', reached: true, readyMono, toldMono, endedMono: performance.now(), exit });
  }

  /** What is under way on disk; the shop may live. */
  look(): Unfinished {
    using databases = new Databases(this.#dataDir);
    return unfinished(databases, this.#subscriptions);
  }

  /** What the ended lives have left; the caller closes the databases. */
  evidence(): Omit<Evidence, 'history' | 'settling'> {
    this.#writeLogs();
    return {
      dataDir: this.#dataDir,
      databases: new Databases(this.#dataDir),
      subscriptions: this.#subscriptions,
      lives: this.#lives,
      watched: this.#watch.violations,
      faults: [],
      order: 'key',
      turn: 'rowid',
      engines: [],
      unsound: [],
      ill: [],
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#shop?.[Symbol.asyncDispose]();
    this.#writeLogs();
  }

  #own(): ShopProcess {
    if (!this.#shop) throw new Error('there is no shop yet');
    return this.#shop;
  }

  #record({ exit, ...ended }: Pick<Life, 'planned' | 'reached' | 'readyMono' | 'toldMono' | 'endedMono'> & { exit: Exit }): void {
    const number = this.#lives.length + 1;
    const logFiles = ['out', 'err'].map((stream) => join(this.#logs, `life-${String(number).padStart(3, '0')}.${stream}`));
    const { code, signal } = exit;
    const life: Life = { ...ended, number, startedMono: this.#startedMono, signal, code, hit: this.#inspect(), logFiles };
    this.#lives.push(life);
    this.#tell(lineOf(life));
  }

  #inspect(): Unfinished | undefined {
    using databases = new Databases(this.#dataDir);
    if (isEmpty(databases)) return undefined;
    this.#watch.observe(sagasIn(databases));
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

function lineOf(life: Life): string {
  const { number, startedMono, readyMono, endedMono, hit } = life;
  const seconds = (ms: number) => (ms / 1_000).toFixed(2);
  const lived =
    readyMono === undefined
      ? `never ready, lived ${seconds(endedMono - startedMono)} s`
      : `ready after ${seconds(readyMono - startedMono)} s, lived ${seconds(endedMono - readyMono)} s more`;
  const under = hit
    ? `${hit.openSagas} sagas, ${hit.compensations} compensations, ${hit.effects} effects, ${hit.events} events under way`
    : 'nothing on disk yet';
  return `life ${number}: ${lived}; ${endOf(life)}; ${under}`;
}

function endOf({ planned, reached, signal, code }: Life): string {
  if (planned === 'SIGTERM') return `SIGTERM, ended with ${code ?? signal}`;
  if (planned.kind === 'point') return `killed ${reached ? 'at' : 'before'} ${planned.stopAt}`;
  return reached ? `ended unexpectedly with ${code ?? signal}` : 'killed';
}
