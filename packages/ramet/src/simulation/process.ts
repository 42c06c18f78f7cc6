import { createHash } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import type { Outbox } from '../bus/index.ts';
import type { GatewayHandler } from '../gateway/index.ts';
import { type Crypto, ed25519, type HttpClient, type Platform, type Timer } from '../platform/index.ts';
import type { Dispatcher, Transport } from '../rpc/index.ts';
import type { Runtime } from '../runtime/index.ts';
import type { FaultPlan, PlannedFault } from './faults.ts';
import { Keyed, logUniform } from './keyed.ts';
import type { End } from './network.ts';
import { running, type Scheduler } from './scheduler.ts';

/** The moment at which every simulation begins, in wall time. */
const EPOCH_MS = Date.UTC(2026, 0, 5, 8);
/** Longest extra wait at a point, in milliseconds. */
const DELAY_MAX_MS = 400;

/** What processes share: time, chance, and the way to external systems. */
export interface Surroundings {
  readonly seed: string;
  readonly scheduler: Scheduler;
  readonly faults: FaultPlan;
  readonly files: Platform['files'];
  /** Sends a request to an external system. */
  fetch(from: Incarnation, url: string, request: Parameters<HttpClient['fetch']>[1]): Promise<Response>;
  outside<T extends object>(from: Incarnation, name: string): T;
  /** Called at each named point, before anything else happens there. */
  onPoint(at: Incarnation, site: string): void;
  kill(process: SimProcess, why: string): void;
  /** Replaces an incarnation that sleeps from now on. @returns whether that was possible */
  replace(sleeper: Incarnation, fault: PlannedFault): boolean;
}

/** An operating-system process of the simulation: a name, what it hosts, and one incarnation after another. */
export class SimProcess {
  readonly name: string;
  readonly hosts: readonly string[] | undefined;
  /** The error of its clock, in milliseconds. */
  clockOffMs = 0;
  incarnations = 0;
  current: Incarnation | undefined;

  constructor(name: string, hosts: readonly string[] | undefined) {
    this.name = name;
    this.hosts = hosts;
  }
}

/**
 * One life of a process. When it ends, as by kill -9, nothing that it has begun continues: no timer fires, no platform call
 * settles, no message leaves, and its databases roll back what was not committed.
 */
export class Incarnation implements End {
  readonly process: SimProcess;
  readonly #surroundings: Surroundings;
  readonly number: number;
  readonly platform: Platform;
  readonly writers = new Map<string, DatabaseSync>();
  readonly connections: DatabaseSync[] = [];
  runtime: Runtime | undefined;
  /** Carries its calls. */
  transport: Transport | undefined;
  gateways: ReadonlyMap<string, GatewayHandler> = new Map();
  alive = true;
  pausedUntil = 0;

  constructor(process: SimProcess, surroundings: Surroundings) {
    this.process = process;
    this.#surroundings = surroundings;
    this.number = ++process.incarnations;
    this.platform = platformOf(this, surroundings);
  }

  get name(): string {
    return `${this.process.name}/${this.number}`;
  }

  get host(): string {
    return this.process.name;
  }

  dispatcher(service: string): Dispatcher | undefined {
    return this.runtime?.services.get(service)?.dispatcher;
  }

  gateway(name: string): GatewayHandler | undefined {
    return this.gateways.get(name);
  }

  outbox(service: string): Outbox | undefined {
    return this.runtime?.services.get(service)?.outbox;
  }

  /** Passes a place where it may be killed. @returns false when it did not survive */
  passes(site: string): boolean {
    if (!this.alive) return false;
    this.#surroundings.onPoint(this, site);
    return this.survives(site);
  }

  /** Decides whether it survives this place. @param weight how much more or less likely it is killed than at a named point */
  survives(site: string, weight = 1): boolean {
    // A replaced process is ended by the processes that find it.
    const mayDie = this.alive && this.process.current === this && this.process.incarnations < LIVES_MAX;
    if (mayDie && this.#surroundings.faults.at('kill', `${this.process.name}.${site}`, weight))
      this.#surroundings.kill(this.process, `killed at ${site}`);
    return this.alive;
  }

  /** Whether it has an open transaction: a process that stops here locks every other process out of that store. */
  get inTransaction(): boolean {
    return [...this.writers.values()].some((db) => db.isOpen && db.isTransaction);
  }

  end(): void {
    if (!this.alive) return;
    this.alive = false;
    for (const db of this.connections) if (db.isOpen) db.close();
    this.runtime = undefined;
  }
}

/**
 * How often a process starts at most. An event that was under way at eight ends of its process becomes a dead letter by design, although
 * it was not the cause.
 */
const LIVES_MAX = 7;
/** The shortest timer: a duration so small that adding it changes nothing would never pass. */
const RESOLUTION_MS = 0.01;
/** Timers fire all the time, and most of them find nothing to do. */
const TIMER_WEIGHT = 0.03;
const NEVER = new Promise<never>(() => {});

function platformOf(self: Incarnation, surroundings: Surroundings): Platform {
  const { scheduler, faults, seed } = surroundings;
  const keyed = new Keyed(`${seed}|${self.name}`);
  const bornMs = scheduler.now;
  const set = (delayMs: number, fire: () => void): Timer =>
    scheduler.after(delayMs > 0 ? Math.max(delayMs, RESOLUTION_MS) : 0, self, 'timer', () => {
      if (self.survives('timer', TIMER_WEIGHT)) fire();
    });
  return {
    clock: { wallNow: () => EPOCH_MS + scheduler.now + self.process.clockOffMs, monoNow: () => scheduler.now - bornMs },
    timers: {
      set,
      sleep: (delayMs, signal) =>
        new Promise((resolve, reject) => {
          if (signal?.aborted) return reject(signal.reason);
          const onAbort = () => {
            timer.cancel();
            reject(signal?.reason);
          };
          const timer = set(delayMs, () => {
            signal?.removeEventListener('abort', onAbort);
            resolve();
          });
          signal?.addEventListener('abort', onAbort, { once: true });
        }),
      yield: () => new Promise((resolve) => void scheduler.after(0, self, 'turn', resolve)),
    },
    random: { next: () => keyed.next('random'), bytes: (count) => keyed.bytes('bytes', count) },
    crypto: simCrypto(keyed),
    signatures: ed25519,
    http: { fetch: (url, request) => surroundings.fetch(self, url, request), close: async () => {} },
    files: {
      readText: (file, maxBytes) => running.exit(() => surroundings.files.readText(file, maxBytes)),
      readFolder: (folder, suffix) => running.exit(() => surroundings.files.readFolder(folder, suffix)),
      readTree: (folder, maxBytes) => running.exit(() => surroundings.files.readTree(folder, maxBytes)),
    },
    process: { residentMemoryBytes: () => 0, eventLoopLagSeconds: () => 0 },
    outside: (name) => surroundings.outside(self, name),
    point(site) {
      if (!self.passes(site)) return NEVER;
      const at = `${self.process.name}.${site}`;
      if (!site.startsWith('sqlite.')) {
        const zombie = faults.at('zombie', at);
        // It continues when it wakes up, and does not know that it slept.
        if (zombie && surroundings.replace(self, zombie))
          return new Promise((resolve) => void scheduler.after(0, self, `wakes at ${site}`, resolve));
      }
      const delay = faults.at('delay', at);
      if (!delay) return undefined;
      const ms = logUniform(delay.roll('how long'), 0.05, DELAY_MAX_MS);
      return new Promise((resolve) => void scheduler.after(ms, self, `delayed at ${site}`, resolve));
    },
  };
}

/** The real digests, which are synchronous, and a password hash that costs nothing. */
function simCrypto(keyed: Keyed): Crypto {
  const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
  return {
    sha256,
    hashPassword: async (password) => {
      const salt = Buffer.from(keyed.bytes('salt', 8)).toString('hex');
      return `simulated$${salt}$${sha256(salt + password)}`;
    },
    verifyPassword: async (password, hash) => {
      const [, salt = '', digest] = hash.split('$');
      return sha256(salt + password) === digest;
    },
    equal: (a, b) => a === b,
  };
}
