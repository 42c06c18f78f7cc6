import { type ChildProcess, fork, type StdioOptions } from 'node:child_process';
import cluster from 'node:cluster';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** Where one instance of a process answers. */
export interface Ports {
  /** The gateway's, where it has one. */
  readonly port?: number;
  readonly rpcPort: number;
  readonly probesPort: number;
  readonly adminPort?: number;
}

/** A port for the calls of other processes, and the port that is advertised to them. */
export interface RpcPort {
  readonly port: number;
  readonly advertised: number;
}

export interface Instance {
  readonly process: string;
  readonly pid: number;
  readonly ports: Ports;
}

export interface FleetOptions {
  /** The names of the processes, in the order of their start, each as often as it should run. */
  readonly processes: readonly string[];
  /**
   * Those of them that serve the outside: their instances share their ports, and they stop first, so that nothing is asked of
   * those who have stopped.
   */
  readonly gateways: readonly string[];
  /** What an instance of a process gets. */
  readonly env: (process: string) => Readonly<Record<string, string>>;
  /** Where the instances take calls, each at one of these (default: at a port of its own choice). */
  readonly rpcPorts?: readonly RpcPort[];
  /** How many processes are started at once: more only wait for each other. */
  readonly atOnce?: number;
  readonly say?: (line: string) => void;
  /** Called when the ready instances have changed. */
  readonly changed?: () => void;
}

const START_MS = 60_000;
const STOP_MS = 28_000;
/** A process that ends unexpectedly is started again after this time, and after longer each time in a row. */
const BACK_MS = { first: 200, most: 5_000 };
/** One that has lived for so long has not failed at its start. */
const SETTLED_MS = 10_000;

/**
 * The processes of a profile on one machine, each watched: one that ends comes back, and a replacement starts the new instance
 * before it stops the old one. What an orchestrator does with containers, for development and for tests.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #members = new Set<Member>();
  /** The free ones; the one that was returned last is given out last. */
  readonly #rpcPorts: RpcPort[] | undefined;
  #stopping = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#rpcPorts = options.rpcPorts && [...options.rpcPorts];
  }

  /** Starts every process, and waits until all are ready. @throws Error when one cannot start, with its name */
  async start(): Promise<void> {
    const waiting = [...this.#options.processes];
    const worker = async () => {
      for (let name = waiting.shift(); name !== undefined; name = waiting.shift()) await this.#spawn(name, 0).ready;
    };
    await Promise.all(Array.from({ length: this.#options.atOnce ?? 4 }, worker));
  }

  /** Those that are ready. */
  get instances(): readonly Instance[] {
    return [...this.#members].flatMap(({ process, child, ports }) =>
      child.pid === undefined || !ports ? [] : [{ process, pid: child.pid, ports }],
    );
  }

  /** Replaces the instances of a process, one by one: the new one is ready before the old one is stopped. */
  async replace(name: string): Promise<void> {
    for (const old of [...this.#members].filter(({ process }) => process === name)) {
      await this.#spawn(name, 0).ready;
      this.#members.delete(old);
      this.#options.changed?.();
      await this.#stop(old);
    }
  }

  /** Stops every process, and waits until all have ended. */
  async stop(): Promise<void> {
    this.#stopping = true;
    await Promise.all(
      [...this.#members].filter(({ process }) => this.#options.gateways.includes(process)).map((member) => this.#stop(member)),
    );
    await Promise.all([...this.#members].map((member) => this.#stop(member)));
  }

  async #stop(member: Member): Promise<void> {
    const how = await stop(member);
    if (how !== 0) this.#options.say?.(`${member.process} ended (${how}) when it was stopped`);
  }

  /** @param failures how often in a row the process has ended soon after its start */
  #spawn(name: string, failures: number): Member {
    const own = this.#rpcPorts?.shift();
    if (this.#rpcPorts && !own) throw new Error(`there is no port left for calls to '${name}'`);
    const member = spawn(name, this.#options.gateways.includes(name), {
      ...this.#options.env(name),
      ...(own ? { RPC_PORT: String(own.port), ADVERTISE_RPC_PORT: String(own.advertised) } : {}),
    });
    const startedAt = Date.now();
    let ready = false;
    this.#members.add(member);
    member.child.once('exit', (code, signal) => {
      if (own) this.#rpcPorts?.push(own);
      if (this.#stopping || !this.#members.delete(member)) return;
      this.#options.changed?.();
      // A failure of the first start is reported to its caller; a restarted process is tried again.
      if (!ready && failures === 0) return;
      this.#options.say?.(`${name} ended (${signal ?? code}) and is started again`);
      void this.#bringBack(name, Date.now() - startedAt > SETTLED_MS ? 1 : failures + 1);
    });
    member.ready.then(
      () => {
        ready = true;
        this.#options.changed?.();
      },
      () => {},
    );
    return member;
  }

  async #bringBack(name: string, failures: number): Promise<void> {
    await sleep(Math.min(BACK_MS.most, BACK_MS.first * 2 ** (failures - 1)));
    if (!this.#stopping) this.#spawn(name, failures);
  }
}

interface Member {
  readonly process: string;
  readonly child: ChildProcess;
  readonly ready: Promise<void>;
  readonly ports: Ports | undefined;
}

/** Clients that wait for their acceptance wait in one queue, which outlives the instances that take from it. */
cluster.schedulingPolicy = cluster.SCHED_NONE;

const PROGRAM = fileURLToPath(new URL('../../app/process.ts', import.meta.url));
const FORKED = { execArgv: ['-C', 'ramet-source'], stdio: ['ignore', 'inherit', 'inherit', 'ipc'] satisfies StdioOptions };

/** @param shared whether its instances share their ports */
function spawn(name: string, shared: boolean, env: Readonly<Record<string, string>>): Member {
  // From its first module on: a third of a start is compiling.
  const own = { NODE_COMPILE_CACHE: join(tmpdir(), 'node-compile-cache'), ...env, PROCESS: name };
  cluster.setupPrimary({ exec: PROGRAM, args: [], ...FORKED });
  const child = shared ? cluster.fork(own).process : fork(PROGRAM, { ...FORKED, env: own });
  let ports: Ports | undefined;
  const ready = new Promise<void>((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`process '${name}' was not ready in ${START_MS} ms`)), START_MS);
    late.unref();
    child.once('message', (message: { ready: true } & Ports) => {
      clearTimeout(late);
      ports = message;
      resolve();
    });
    child.once('exit', (code, signal) => {
      clearTimeout(late);
      reject(new Error(`process '${name}' ended (${signal ?? code}) before it was ready`));
    });
  });
  return {
    process: name,
    child,
    ready,
    get ports() {
      return ports;
    },
  };
}

/** @returns with which code it ended, or by which signal */
function stop({ child }: Member): Promise<number | string | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode ?? child.signalCode);
  return new Promise((resolve) => {
    const kill = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
    child.once('exit', (code, signal) => {
      clearTimeout(kill);
      resolve(code ?? signal);
    });
    child.kill('SIGTERM');
  });
}
