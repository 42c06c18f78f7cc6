import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Instance, RpcPort } from '../../fleet/fleet.ts';
import { type Exit, freePorts, launchShop, type ShopProcess } from '../../harness/shop-process.ts';
import type { Life } from '../verdict/check.ts';
import { type Ending, endingsIn } from './endings.ts';
import type { Target } from './faults.ts';

/** A dozen processes on a machine that does other things too. */
const START_MS = 240_000;
/** Stopped processes have 25 s, and the edge ends before the others. */
const STOP_MS = 90_000;
const REPLACE_MS = 600_000;
/** How often it is looked who is there; the ends of the gateway are compared with what its clients saw, and that has a tolerance of 500 ms. */
const LOOK_MS = 50;
/** The gateway that the customers know. */
const EDGE = 'web';

/** The processes of a shop and what started them, with everything that ends and begins among them written down. */
export class FleetUnderFire implements AsyncDisposable {
  readonly #dataDir: string;
  readonly #logs: string;
  readonly #env: Readonly<Record<string, string>>;
  readonly #instances: number;
  /** Of the gateway: its clients see its ends, and those of no other process. */
  readonly lives: Life[] = [];
  readonly endings: Ending[] = [];
  #shop: ShopProcess | undefined;
  #starts = 0;
  /** Where the output of the present start begins. */
  #from = { stdout: 0, stderr: 0 };
  /** What was said and not looked at yet. */
  #said = '';
  /** How many replacements have failed. */
  #notReplaced = 0;
  #edge: { readonly pid: number; readonly startedMono: number; readonly readyMono: number } | undefined;
  #told: { readonly how: 'SIGKILL' | 'SIGTERM'; readonly mono: number } | undefined;
  /** How many ends of the gateway have been reported. */
  #edgeEnds = 0;
  #downSinceMono = 0;
  #watching: NodeJS.Timeout | undefined;
  startedMono = 0;

  /**
   * @param folder gets the shop's data and its logs
   * @param env the environment of the shop, with its engines
   * @param instances how many processes there are when all are there
   * @param rpcPorts where they take calls
   */
  constructor(folder: string, env: Readonly<Record<string, string>>, instances: number, rpcPorts: readonly RpcPort[]) {
    this.#dataDir = join(folder, 'data');
    this.#logs = join(folder, 'logs');
    this.#env = {
      ...env,
      LOG_LEVEL: 'info',
      RATE_LIMIT: '10000000/15m',
      SHOP_STOP_AT: `@${this.#pointFile}`,
      RPC_PORTS: rpcPorts.map(({ port, advertised }) => `${port}:${advertised}`).join(','),
    };
    this.#instances = instances;
    for (const directory of [this.#dataDir, this.#logs]) mkdirSync(directory, { recursive: true });
    process.on('exit', this.#writeLogs);
  }

  get dataDir(): string {
    return this.#dataDir;
  }

  get shop(): ShopProcess {
    if (!this.#shop) throw new Error('there is no shop yet');
    return this.#shop;
  }

  /** Starts everything, and waits until all of it serves. */
  async begin(): Promise<void> {
    this.#downSinceMono = performance.now();
    this.#starts++;
    this.#from = { stdout: this.#shop?.stdout.length ?? 0, stderr: this.#shop?.stderr.length ?? 0 };
    // What stands there is of processes that have ended.
    writeFileSync(this.#processesFile, '[]');
    if (this.#shop) this.#shop.launch();
    else
      this.#shop = await launchShop({
        program: 'shop/rig/fleet/main.ts',
        dataDir: this.#dataDir,
        ports: await freePorts(),
        env: this.#env,
        // The whole log is long: reading it again and again would take all the time.
        hear: (text) => {
          this.#said += text;
        },
      });
    await this.#shop.ready(START_MS);
    this.startedMono = performance.now();
    this.#watch();
    this.#watching = setInterval(() => this.#watch(), LOOK_MS);
  }

  /** The instances that are ready. */
  instances(): readonly Instance[] {
    try {
      return JSON.parse(readFileSync(this.#processesFile, 'utf8')) as Instance[];
    } catch {
      // It is being written.
      return [];
    }
  }

  /** The instance that is meant, when one is there. */
  find({ process, instance }: Target): Instance | undefined {
    const own = this.instances().filter((one) => one.process === process && isOurs(one.pid, this.shop.pid));
    return own[instance % Math.max(1, own.length)];
  }

  /** Sends a signal to processes of this shop and to no other. */
  signal(instances: readonly Instance[], signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    for (const instance of instances) {
      if (!isOurs(instance.pid, this.shop.pid)) continue;
      if (signal === 'SIGKILL' || signal === 'SIGTERM') this.#plan(instance, signal);
      process.kill(instance.pid, signal);
    }
  }

  /** Has a process kill itself when it comes to a point. @returns whether it came there within `giveUpMs`; otherwise it is killed */
  async killAt(instance: Instance, stopAt: string, giveUpMs: number): Promise<boolean> {
    if (!isOurs(instance.pid, this.shop.pid)) return false;
    writeFileSync(this.#pointFile, stopAt);
    this.#plan(instance, 'SIGKILL');
    process.kill(instance.pid, 'SIGUSR2');
    const reached = await this.#until(giveUpMs, () => !isOurs(instance.pid, this.shop.pid));
    if (!reached && isOurs(instance.pid, this.shop.pid)) process.kill(instance.pid, 'SIGKILL');
    return reached;
  }

  /** Waits until an instance is gone. */
  async gone({ pid }: Instance): Promise<void> {
    await this.#until(STOP_MS, () => !isOurs(pid, this.shop.pid));
  }

  /** Waits until all processes are there. @returns false when they do not come back */
  whole(): Promise<boolean> {
    return this.#until(START_MS, () => this.instances().filter(({ pid }) => isOurs(pid, this.shop.pid)).length === this.#instances);
  }

  /** Has every service replaced. @returns false when that does not come to its end */
  async replace(): Promise<boolean> {
    const { shop } = this;
    const replaced = () => shop.stdout.split('replaced every process').length;
    const before = { replaced: replaced(), failed: this.#notReplaced };
    shop.signal('SIGHUP');
    await this.#until(REPLACE_MS, () => replaced() > before.replaced || this.#notReplaced > before.failed);
    return replaced() > before.replaced;
  }

  /** Kills all of it at once. */
  async kill(): Promise<void> {
    clearInterval(this.#watching);
    this.#told = { how: 'SIGKILL', mono: performance.now() };
    this.#end(await this.shop.kill());
  }

  /** Asks all of it to end in order. What does not is killed. */
  async terminate(): Promise<void> {
    clearInterval(this.#watching);
    this.#told = { how: 'SIGTERM', mono: performance.now() };
    const late = setTimeout(() => this.shop.killNow(), STOP_MS);
    const exit = await this.shop.terminate();
    clearTimeout(late);
    this.#end(exit);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#watching);
    await this.#shop?.[Symbol.asyncDispose]();
    process.off('exit', this.#writeLogs);
    this.#writeLogs();
  }

  /** @throws Error when what holds the processes together ends meanwhile */
  async #until(withinMs: number, done: () => boolean): Promise<boolean> {
    const untilMono = performance.now() + withinMs;
    while (performance.now() < untilMono) {
      if (this.shop.pid === undefined) throw new Error(`the fleet ended unexpectedly:\n${this.shop.stderr.slice(-4_000)}`);
      if (done()) return true;
      await sleep(LOOK_MS);
    }
    return false;
  }

  /** Records that it is being stopped. */
  #plan({ process: name }: Instance, how: 'SIGKILL' | 'SIGTERM'): void {
    const mono = performance.now();
    if (name === EDGE) this.#told = { how, mono };
    this.endings.push({ process: name, how: how === 'SIGKILL' ? how : '0', mono, planned: true });
  }

  /** Names the point at which a process that receives SIGUSR2 kills itself. */
  get #pointFile(): string {
    return join(this.#dataDir, 'stop-at');
  }

  get #processesFile(): string {
    return join(this.#dataDir, 'processes.json');
  }

  /** Finds the processes that have ended, or are back, since the last time. */
  #watch(): void {
    this.#hear();
    const ended = this.endings.filter(({ process, planned }) => process === EDGE && !planned);
    if (ended.length > this.#edgeEnds) {
      const how = ended.at(-1)?.how;
      this.#edgeEnds = ended.length;
      this.#edgeEnded({ signal: how === 'SIGKILL' ? how : null, code: how === 'SIGKILL' ? null : Number(how) }, []);
    }
    const edge = this.instances().find(({ process, pid }) => process === EDGE && isOurs(pid, this.shop.pid));
    if (!this.#edge && edge) this.#edge = { pid: edge.pid, startedMono: this.#downSinceMono, readyMono: performance.now() };
  }

  /** Takes in what has been said of those that ended. */
  #hear(): void {
    const whole = this.#said.slice(0, this.#said.lastIndexOf('\n') + 1);
    this.#said = this.#said.slice(whole.length);
    for (const { process, how } of endingsIn(whole)) this.endings.push({ process, how, mono: performance.now(), planned: false });
    this.#notReplaced += whole.split('not every process was replaced').length - 1;
  }

  /** All of it has ended; the gateway as all the others. */
  #end(exit: Exit): void {
    this.#hear();
    const files = this.#writeLogs();
    this.#edge ??= { pid: 0, startedMono: this.#downSinceMono, readyMono: Number.POSITIVE_INFINITY };
    this.#edgeEnded(exit, files);
    // A killed process did not finish its line.
    this.#said = '';
  }

  #edgeEnded({ signal, code }: { readonly signal: string | null; readonly code: number | null }, logFiles: readonly string[]): void {
    const edge = this.#edge;
    if (!edge) return;
    const told = this.#told;
    this.#edge = undefined;
    this.#told = undefined;
    this.#downSinceMono = performance.now();
    const { startedMono, readyMono } = edge;
    this.lives.push({
      number: this.lives.length + 1,
      startedMono,
      readyMono: Number.isFinite(readyMono) ? readyMono : undefined,
      toldMono: told?.how === 'SIGTERM' ? told.mono : undefined,
      endedMono: told?.how === 'SIGKILL' ? told.mono : this.#downSinceMono,
      planned: told?.how === 'SIGTERM' ? 'SIGTERM' : { kind: 'moment', afterReadyMs: 0 },
      reached: told === undefined,
      signal,
      code,
      hit: undefined,
      logFiles,
    });
  }

  readonly #writeLogs = (): string[] => {
    const files = ['out', 'err'].map((stream) => join(this.#logs, `start-${this.#starts}.${stream}`)) as [string, string];
    writeFileSync(files[0], (this.#shop?.stdout ?? '').slice(this.#from.stdout));
    writeFileSync(files[1], (this.#shop?.stderr ?? '').slice(this.#from.stderr));
    return files;
  };
}

/** Whether a process runs and is a child of that one: ids are given again. */
function isOurs(pid: number, parent: number | undefined): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    const [state, ofParent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(ofParent) === parent && state !== 'Z' && state !== 'X';
  } catch {
    return false;
  }
}
