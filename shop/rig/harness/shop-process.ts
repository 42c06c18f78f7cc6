import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Where the parts of a shop listen, all on the loopback address. */
export interface ShopPorts {
  readonly web: number;
  readonly provider: number;
  readonly admin: number;
  readonly smtp: number;
  readonly mail: number;
  /** The mobile gateway's, where it is served. */
  readonly mobile: number;
}

export interface ShopOptions {
  /** What is started (default: the shop as one process). */
  readonly program?: 'shop/app/main.ts' | 'shop/rig/fleet/main.ts';
  /** Default: a new temporary directory, removed with the shop. */
  readonly dataDir?: string;
  /** Default: free ones. */
  readonly ports?: ShopPorts;
  /** On top of what the harness sets; `undefined` takes a variable away. */
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Hears what it says on stderr, as it comes. */
  readonly hear?: (text: string) => void;
}

/** The end of a process. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

const root = fileURLToPath(new URL('../../..', import.meta.url));
const START_MS = 90_000;
const LOOK_MS = 20;
/** What a started process takes over from ours: nothing of a test runner. */
const INHERITED = ['PATH', 'HOME', 'TMPDIR', 'LANG', 'NODE_COMPILE_CACHE'];

const running = new Set<ShopProcess>();
process.on('exit', () => {
  for (const shop of running) shop.killNow();
});

/** Starts a shop and waits until it serves. @throws when it ends instead, with everything that it has said */
export async function startShop(options: ShopOptions = {}): Promise<ShopProcess> {
  const shop = await launchShop(options);
  try {
    await shop.ready();
    return shop;
  } catch (error) {
    await shop[Symbol.asyncDispose]();
    throw error;
  }
}

/** Starts a shop without waiting for it: for one that is not meant to become ready. */
export async function launchShop({ program, dataDir, ports, env = {}, hear }: ShopOptions = {}): Promise<ShopProcess> {
  const own = dataDir === undefined ? await mkdtemp(join(tmpdir(), 'ramet-shop-')) : undefined;
  const shop = new ShopProcess({
    program: program ?? 'shop/app/main.ts',
    dataDir: dataDir ?? (own as string),
    ports: ports ?? (await freePorts()),
    env,
    ownsDataDir: own !== undefined,
    hear,
  });
  shop.launch();
  return shop;
}

/**
 * Ports that no process uses now. They lie below those from which the system takes the ports of outgoing connections: a shop
 * that is down for a moment must find its own ports free when it comes back.
 */
export async function freePorts(): Promise<ShopPorts> {
  const [web, provider, admin, smtp, mail, mobile] = (await freePortNumbers(6)) as [number, number, number, number, number, number];
  return { web, provider, admin, smtp, mail, mobile };
}

/** So many different ones. */
export async function freePortNumbers(count: number): Promise<number[]> {
  const found = new Set<number>();
  while (found.size < count) {
    const port = 10_000 + Math.floor(Math.random() * 20_000);
    if (await isFree(port)) found.add(port);
  }
  return [...found];
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    server.listen(port, '127.0.0.1', () => server.close(() => resolve(true)));
  });
}

/**
 * Whether a group has a member that is more than a zombie: one that has ended holds nothing any more, but where the first
 * process of the machine is slow to collect orphans its id stays for seconds. Systems without `/proc` wait for these.
 */
async function groupLives(group: number | undefined): Promise<boolean> {
  const ids = await readdir('/proc').catch(() => undefined);
  if (!ids) return true;
  for (const id of ids) {
    if (!/^\d+$/.test(id)) continue;
    const stat = await readFile(`/proc/${id}/stat`, 'utf8').catch(() => '');
    const [state, , ofGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    if (Number(ofGroup) === group && state !== 'Z' && state !== 'X') return true;
  }
  return false;
}

/**
 * A shop as a process of its own, with the payment provider and the mail catcher that it starts: one process group, which
 * a kill takes as a whole. The same data directory and ports serve every start of it.
 */
export class ShopProcess {
  readonly dataDir: string;
  readonly ports: ShopPorts;
  readonly url: string;
  readonly providerUrl: string;
  readonly mailUrl: string;
  readonly #program: string;
  readonly #ownsDataDir: boolean;
  readonly #hear: ((text: string) => void) | undefined;
  #env: Readonly<Record<string, string | undefined>>;
  #child: ChildProcess | undefined;
  #exited: Promise<Exit> = Promise.resolve({ code: null, signal: null });
  #exit: Exit | undefined;
  #stdout = '';
  #stderr = '';
  /** Where the output of the present start begins. */
  #from = 0;

  constructor(options: {
    program: string;
    dataDir: string;
    ports: ShopPorts;
    env: Readonly<Record<string, string | undefined>>;
    ownsDataDir: boolean;
    hear?: ((text: string) => void) | undefined;
  }) {
    this.#program = options.program;
    this.dataDir = options.dataDir;
    this.ports = options.ports;
    this.url = `http://127.0.0.1:${options.ports.web}`;
    this.providerUrl = `http://127.0.0.1:${options.ports.provider}`;
    this.mailUrl = `http://127.0.0.1:${options.ports.mail}`;
    this.#ownsDataDir = options.ownsDataDir;
    this.#hear = options.hear;
    this.#env = options.env;
  }

  /** Of every start so far. */
  get stdout(): string {
    return this.#stdout;
  }

  /** Of every start so far; the log is there. */
  get stderr(): string {
    return this.#stderr;
  }

  /** The id of the main process, which leads the group. */
  get pid(): number | undefined {
    return this.#exit ? undefined : this.#child?.pid;
  }

  /** Resolves when the main process has ended, however. */
  get exited(): Promise<Exit> {
    return this.#exited;
  }

  /** The environment that the shop is started with; other programs that work on this shop need it too. */
  get environment(): Record<string, string> {
    const { web, provider, admin, smtp, mail, mobile } = this.ports;
    const inherited = Object.fromEntries(INHERITED.flatMap((name) => (process.env[name] ? [[name, process.env[name]]] : [])));
    const all: Record<string, string | undefined> = {
      ...inherited,
      DATA_DIR: this.dataDir,
      PORT: String(web),
      PROVIDER_PORT: String(provider),
      ADMIN_PORT: String(admin),
      SMTP_PORT: String(smtp),
      MAIL_PORT: String(mail),
      MOBILE_PORT: String(mobile),
      RATE_LIMIT: '100000/15m',
      ...this.#env,
    };
    return Object.fromEntries(Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined));
  }

  /** Starts the process; `ready()` waits for it. */
  launch(): void {
    this.#from = this.#stdout.length;
    this.#exit = undefined;
    const child = spawn(process.execPath, ['-C', 'ramet-source', this.#program], {
      cwd: root,
      env: this.environment,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    running.add(this);
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      this.#stdout += text;
    });
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      this.#stderr += text;
      this.#hear?.(text);
    });
    this.#exited = new Promise((resolve) => {
      const ended = (exit: Exit) => {
        if (this.#child === child) this.#exit = exit;
        resolve(exit);
      };
      child.once('error', () => ended({ code: null, signal: null }));
      child.once('exit', (code, signal) => ended({ code, signal }));
    });
  }

  /** Waits for the line `ready …`. @throws when the process ends instead, or says nothing for long */
  async ready(withinMs = START_MS): Promise<void> {
    const giveUpAt = Date.now() + withinMs;
    while (!/^ready http:\S+$/m.test(this.#stdout.slice(this.#from))) {
      if (this.#exit)
        throw new Error(`the shop ended with ${JSON.stringify(this.#exit)} before it was ready:\n${this.#stdout}${this.#stderr}`);
      if (Date.now() > giveUpAt) throw new Error(`the shop was not ready in ${withinMs} ms:\n${this.#stdout}${this.#stderr}`);
      await sleep(LOOK_MS);
    }
  }

  /** Ends everything at once, as when the power fails, and waits until nothing of it is left. */
  async kill(): Promise<Exit> {
    this.killNow();
    const exit = await this.#exited;
    await this.#groupGone();
    return exit;
  }

  /** The same without waiting. */
  killNow(): void {
    this.#signalGroup('SIGKILL');
  }

  /** Sends a signal to the main process alone, as a supervisor does. */
  signal(signal: NodeJS.Signals): void {
    if (this.pid !== undefined) process.kill(this.pid, signal);
  }

  /** Asks the main process to end in order, and waits until it has. */
  async terminate(): Promise<Exit> {
    this.signal('SIGTERM');
    const exit = await this.#exited;
    await this.#groupGone();
    return exit;
  }

  /** Starts the shop again on the same data and ports, after a kill where it still runs. @param env replaces what was given before */
  async restart(env: Readonly<Record<string, string | undefined>> = this.#env): Promise<void> {
    await this.kill();
    this.#env = env;
    this.launch();
    await this.ready();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
    running.delete(this);
    if (this.#ownsDataDir) await rm(this.dataDir, { recursive: true, force: true, maxRetries: 5 });
  }

  /** @returns false when no process is left in the group */
  #signalGroup(signal: NodeJS.Signals | 0): boolean {
    const pid = this.#child?.pid;
    if (pid === undefined) return false;
    try {
      process.kill(-pid, signal);
      return true;
    } catch {
      return false;
    }
  }

  /** The companions die with the main process, but a moment later: until then they hold their ports and files. */
  async #groupGone(): Promise<void> {
    const killAt = Date.now() + 10_000;
    while (this.#signalGroup(0) && (await groupLives(this.#child?.pid))) {
      if (Date.now() > killAt) this.#signalGroup('SIGKILL');
      await sleep(LOOK_MS);
    }
    this.#child = undefined;
  }
}
