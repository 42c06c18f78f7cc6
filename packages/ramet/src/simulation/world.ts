import type { AnyContract } from '../contract/index.ts';
import type { GatewayDefinition } from '../gateway/index.ts';
import { type OutgoingRequest, type Platform, realPlatform } from '../platform/index.ts';
import { type ClientOf, compileUses, Outbound, type Policy, use } from '../rpc/index.ts';
import { type Runtime, start, type Topology } from '../runtime/index.ts';
import type { Caller } from '../security/index.ts';
import type { ServiceDefinition } from '../service/index.ts';
import type { Store } from '../store/index.ts';
import { type Instrument, joined, NO_SPAN, newTrace } from '../telemetry/index.ts';
import { ask, type EdgeRequest, type EdgeResponse, gatewaysOf } from './edge.ts';
import { type OutboxPlace, simulatedBus } from './events.ts';
import { FaultPlan, type Intensities, type PlannedFault } from './faults.ts';
import { Keyed, logUniform } from './keyed.ts';
import { type End, Network, networkTransport } from './network.ts';
import { type Double, doublesOf, Outside } from './outside.ts';
import { Incarnation, SimProcess, type Surroundings } from './process.ts';
import { type Owner, Scheduler } from './scheduler.ts';
import { type Disk, fill, makeRoom } from './storage.ts';

/** What a simulation runs: definitions, loaded once, and the processes that host them. */
export interface System {
  readonly services: ReadonlyMap<string, ServiceDefinition>;
  readonly gateways: ReadonlyMap<string, GatewayDefinition>;
  /** The processes: what each hosts. */
  readonly processes: Readonly<Record<string, readonly string[]>>;
}

/** What a world is made of, and who hears of it. */
export interface WorldOptions {
  readonly seed: string;
  readonly system: System;
  readonly disk: Disk;
  readonly intensities: Intensities;
  readonly only?: ReadonlySet<string> | undefined;
  /** The doubles of external systems, by name. */
  readonly externals: Readonly<Record<string, Double>>;
  /** Where lines of logs go; nowhere by default. */
  readonly log?: (line: string) => void;
  readonly onEvent?: (subscriber: string, type: string, outcome: string, eventId: string) => void;
  /** Called at every named point of a process, with what it passed before. */
  readonly onPoint?: (world: World, at: Incarnation, site: string) => void;
  /** Called when a process calls an external system that has no double. */
  readonly onMissing?: (detail: string) => void;
  /** Listens to what a process does. */
  readonly instrument?: (caller: string) => Instrument;
}

/** Matches a log line of level error. */
const ERROR_LINE = /"level":"?(?:error|fatal|[56]0)\b/;
const ERRORS_KEPT = 10;
const TICK_MS = 1_000;
const RESTART_MIN_MS = 50;
const RESTART_MAX_MS = 10_000;
/** How long a process that was replaced continues before it is ended. */
const AWAKE_MS = 8_000;

/** Everything of one run: processes, network, disk, time and chance. */
export class World implements Surroundings {
  readonly seed: string;
  readonly scheduler: Scheduler;
  readonly faults: FaultPlan;
  readonly network: Network;
  readonly files: Platform['files'];
  readonly processes: readonly SimProcess[];
  readonly client: End & { readonly platform: Platform };
  readonly #keyed: Keyed;
  readonly #options: WorldOptions;
  readonly #beyond: Outside;
  /** What all clients share: retry budgets and breakers. */
  readonly #clients: Outbound;
  readonly #appends = new Map<string, Set<() => void>>();
  readonly #stores = new Map<string, Promise<Store>>();
  readonly #topology: Topology;
  /** Paused processes that were replaced and may wake up. */
  readonly #zombies = new Set<Incarnation>();
  readonly #errors: string[] = [];
  #troubled = false;

  constructor(options: WorldOptions) {
    const real = realPlatform();
    this.#options = options;
    this.seed = options.seed;
    this.scheduler = new Scheduler(options.seed, () => real.timers.yield());
    this.faults = new FaultPlan(options.seed, {
      intensities: options.intensities,
      only: options.only,
      now: () => this.scheduler.now,
      onFired: ({ id }) => this.scheduler.note(`FAULT ${id}`),
    });
    this.network = new Network(options.seed, this.scheduler, this.faults);
    this.files = real.files;
    this.#keyed = new Keyed(`${options.seed}|world`);
    this.processes = Object.entries(options.system.processes).map(([name, hosts]) => new SimProcess(name, hosts));
    const client = new Incarnation(new SimProcess('client', []), this);
    this.client = client;
    this.#clients = new Outbound(client.platform, 'client', options.instrument?.('client'));
    this.#beyond = new Outside(this.network, this.faults, this.scheduler, doublesOf(options), (detail) => options.onMissing?.(detail));
    const now = <T>(definitions: ReadonlyMap<string, T>) =>
      Object.fromEntries([...definitions].map(([name, definition]) => [name, async () => ({ default: definition })]));
    this.#topology = { services: now(options.system.services), gateways: now(options.system.gateways), profiles: {} };
  }

  /**
   * Starts every process and resolves when all of them are ready.
   * @throws the reason why a process cannot start
   */
  async boot(): Promise<void> {
    await Promise.all(this.processes.map((process) => this.#start(process)));
  }

  /** Allows faults from now on. */
  trouble(): void {
    this.#troubled = true;
    this.faults.active = true;
    for (const process of this.processes) {
      const skew = this.faults.at('skew', process.name);
      if (skew) process.clockOffMs = (skew.roll('how far') - 0.5) * 10_000;
    }
    this.#tick();
  }

  /**
   * Ends all faults: nothing is cut, paused or full, clocks are right, and every process runs.
   * @param wire keeps the network as bad as it is
   */
  heal(wire: 'healed' | 'as it is' = 'healed'): void {
    if (wire === 'healed') this.faults.active = false;
    else this.faults.onTheWireOnly();
    this.network.heal();
    for (const zombie of this.#zombies) this.#end(zombie, 'given up for good');
    this.#zombies.clear();
    for (const process of this.processes) {
      process.clockOffMs = 0;
      const { current } = process;
      if (!current) void this.#start(process);
      else {
        current.pausedUntil = 0;
        for (const db of current.writers.values()) if (db.isOpen) makeRoom(db);
      }
    }
  }

  /** Makes events happen until `done` settles. @throws what it rejects with, or an Error when no event is left */
  async until<T>(done: Promise<T>, limitMs = Number.POSITIVE_INFINITY, late = 'what was waited for has not happened'): Promise<T> {
    let settled: { readonly value: T } | { readonly error: unknown } | undefined;
    done.then(
      (value) => {
        settled = { value };
      },
      (error: unknown) => {
        settled = { error };
      },
    );
    const endMs = this.scheduler.now + limitMs;
    await realTurn();
    while (!settled) {
      if (this.scheduler.now > endMs) throw new Error(`after ${limitMs / 1_000} s of simulated time ${late}`);
      if (!(await this.scheduler.step())) throw new Error('nothing can happen any more, and what was waited for has not');
    }
    if ('error' in settled) throw settled.error;
    return settled.value;
  }

  /** Returns what processes logged as errors last, oldest first. */
  get errors(): readonly string[] {
    return this.#errors;
  }

  /** Lets time pass for the world, whichever processes are alive. */
  sleep(ms: number): Promise<void> {
    return new Promise((resolve) => void this.scheduler.after(ms, undefined, 'time passes', resolve));
  }

  kill(process: SimProcess, why: string, restartMs?: number): void {
    const { current } = process;
    if (!current) return;
    process.current = undefined;
    this.#end(current, why);
    const afterMs = restartMs ?? logUniform(this.#keyed.of(`restart ${current.name}`), RESTART_MIN_MS, RESTART_MAX_MS);
    void this.scheduler.after(afterMs, undefined, `restart ${process.name}`, () => {
      if (!process.current) void this.#start(process);
    });
  }

  /** Kills the process that hosts a service; it starts again after `downForMs`. */
  killHost(service: string, downForMs: number): void {
    const current = this.placeOf(service).end();
    if (current) this.kill(current.process, 'killed by the scenario', downForMs);
  }

  onPoint(at: Incarnation, site: string): void {
    this.#options.onPoint?.(this, at, site);
  }

  /** Returns the process that hosts a service now. */
  placeOf(service: string): { readonly host: string; end(): Incarnation | undefined } {
    const process = this.processes.find(({ hosts }) => hosts?.includes(service));
    if (!process) throw new Error(`no process hosts '${service}'`);
    return { host: process.name, end: () => process.current };
  }

  /** Makes a client outside, which calls over the network as every process does. */
  clientOf<C extends AnyContract>(contract: C, caller: Caller, policy: Policy): ClientOf<C> {
    const { platform } = this.client;
    const transport = networkTransport(
      this.network,
      () => this.client,
      (service) => this.placeOf(service),
      undefined,
    );
    const { uses, problems } = compileUses(platform, transport, 'client', { it: use(contract, policy) }, this.#clients);
    if (problems.length > 0) throw new RangeError(problems.join('; '));
    const origin = {
      meta: { caller, trace: newTrace(platform, {}), depth: 0 },
      remainingMs: () => Number.POSITIVE_INFINITY,
      signal: undefined,
    };
    return uses.all(origin)['it'] as ClientOf<C>;
  }

  /** Sends a request of a client outside to a gateway. */
  ask(gateway: string, request: EdgeRequest): Promise<EdgeResponse> {
    const give = (ms: number, fire: () => void) => this.scheduler.after(ms, this.client, 'no answer', fire);
    return ask({ network: this.network, from: this.client, to: this.placeOf(gateway), after: give }, gateway, request);
  }

  /** Returns the store of a service, for reading only. */
  store(service: string): Promise<Store> {
    const known = this.#stores.get(service) ?? this.#options.disk.open(service, this.client.platform);
    this.#stores.set(service, known);
    return known;
  }

  async close(): Promise<void> {
    for (const process of this.processes) if (process.current) this.#end(process.current, 'the run is over');
    for (const zombie of this.#zombies) zombie.end();
    for (const store of this.#stores.values()) await (await store).close();
  }

  fetch(from: Incarnation, url: string, request?: OutgoingRequest): Promise<Response> {
    return this.#beyond.fetch(from, url, request);
  }

  outside<T extends object>(from: Incarnation, name: string): T {
    return this.#beyond.client(from, name);
  }

  async #start(process: SimProcess): Promise<void> {
    const self = new Incarnation(process, this);
    process.current = self;
    const { network } = this;
    const place = (service: string) => (process.hosts?.includes(service) ? 'here' : this.placeOf(service));
    const remote = [...this.#options.system.services.keys()].filter((service) => !process.hosts?.includes(service));
    const bus = simulatedBus(self, {
      scheduler: this.scheduler,
      network: this.network,
      faults: this.faults,
      remote: remote.map((service) => this.#outboxPlace(service)),
    });
    try {
      await this.#asProcess(self, async () => {
        const runtime: Runtime = await start(
          { ...this.#topology, profiles: { simulation: { store: this.#options.disk.stores(self), bus } } },
          {
            platform: self.platform,
            name: process.name,
            ...(process.hosts === undefined ? {} : { hosts: process.hosts }),
            logLevel: this.#options.log ? 'info' : 'error',
            logTo: (chunk) => self.alive && this.#logged(`${this.scheduler.now.toFixed(3)} ${self.name} ${chunk}`),
            // A zombie that ends leaves its successor alone.
            onFatal: () => (process.current === self ? this.kill(process, 'fatal') : this.#end(self, 'fatal')),
            transport(local) {
              self.transport = networkTransport(network, () => self, place, local);
              return self.transport;
            },
            instrument: joined(this.#options.instrument?.(self.name), this.#deliveries(self)),
          },
        );
        if (!self.alive) return;
        self.runtime = runtime;
        const gateways = [...this.#options.system.gateways].filter(([name]) => process.hosts?.includes(name) ?? true);
        self.gateways = gatewaysOf(self, gateways, runtime.log);
        for (const [service, hosted] of runtime.services) {
          hosted.outbox.onAppend(() => {
            if (self.alive) for (const wake of this.#appends.get(service) ?? []) wake();
          });
        }
      });
    } catch (error) {
      if (!self.alive) return;
      // Before any fault there is only one possible reason: the definitions are wrong.
      if (!this.#troubled) throw error;
      this.scheduler.note(`${self.name} cannot start: ${(error as Error).message}`);
      this.kill(process, 'could not start', 500);
    }
  }

  #logged(line: string): void {
    this.#options.log?.(line);
    if (!ERROR_LINE.test(line)) return;
    this.#errors.push(line.trimEnd());
    if (this.#errors.length > ERRORS_KEPT) this.#errors.shift();
  }

  /** Runs the beginning of a process as an event of that process. */
  #asProcess(self: Owner, begin: () => Promise<void>): Promise<void> {
    return new Promise((resolve, reject) => {
      void this.scheduler.after(0, self, 'start', () => void begin().then(resolve, reject));
    });
  }

  /** Reports what subscriptions made of events, while the process lives. */
  #deliveries(self: Incarnation): Instrument {
    return {
      spans: false,
      begin: ({ kind, labels }, _, eventId) => {
        if (kind !== 'delivery') return NO_SPAN;
        const end = (outcome: string) => {
          if (self.alive) this.#options.onEvent?.(String(labels['subscriber']), String(labels['event']), outcome, eventId as string);
        };
        return { under: (trace) => trace, end };
      },
    };
  }

  #end(incarnation: Incarnation, why: string): void {
    this.scheduler.note(`${incarnation.name} ends: ${why}`);
    incarnation.end();
    this.network.lost();
  }

  #outboxPlace(service: string): OutboxPlace {
    const place = this.placeOf(service);
    return {
      ...place,
      service,
      listen: (wake) => {
        const wakes = this.#appends.get(service) ?? new Set();
        this.#appends.set(service, wakes.add(wake));
        return () => wakes.delete(wake);
      },
    };
  }

  /** Plans the faults that depend on time and not on a place in the code. */
  #tick(): void {
    void this.scheduler.after(TICK_MS, undefined, 'tick', () => {
      if (!this.faults.active) return;
      for (const process of this.processes) this.#trouble(process);
      this.#tick();
    });
  }

  #trouble(process: SimProcess): void {
    const { current } = process;
    if (!current) return;
    const pause = this.faults.at('pause', process.name);
    if (pause) current.pausedUntil = this.scheduler.now + logUniform(pause.roll('how long'), 20, 10_000);
    const jump = this.faults.at('jump', process.name);
    if (jump) process.clockOffMs += (jump.roll('which way') < 0.5 ? -1 : 1) * logUniform(jump.roll('how far'), 1_000, 60_000);
    const others = this.processes.filter((other) => other !== process);
    const partition = others.length > 0 ? this.faults.at('partition', process.name) : undefined;
    if (partition) {
      const other = others[Math.floor(partition.roll('from whom') * others.length)] as SimProcess;
      this.network.cut(process.name, other.name, logUniform(partition.roll('how long'), 100, 8_000));
    }
    const full = this.faults.at('disk-full', process.name);
    if (full) this.#fill(current, logUniform(full.roll('how long'), 100, 8_000));
  }

  #fill(current: Incarnation, forMs: number): void {
    for (const db of current.writers.values()) if (db.isOpen) fill(db);
    void this.scheduler.after(forMs, undefined, 'room again', () => {
      for (const db of current.writers.values()) if (db.isOpen) makeRoom(db);
    });
  }

  /** Does what orchestrators do to a process that does not answer: starts another one in its place. The old one may only have been paused. */
  replace(sleeper: Incarnation, fault: PlannedFault): boolean {
    const { process } = sleeper;
    if (process.current !== sleeper || !sleeper.runtime || sleeper.inTransaction) return false;
    const asleepMs = logUniform(fault.roll('asleep'), 200, 40_000);
    sleeper.pausedUntil = this.scheduler.now + asleepMs;
    this.#zombies.add(sleeper);
    process.current = undefined;
    void this.#start(process);
    void this.scheduler.after(asleepMs + AWAKE_MS, undefined, `${sleeper.name} is found`, () => {
      if (this.#zombies.delete(sleeper)) this.#end(sleeper, 'was a zombie');
    });
    return true;
  }
}

/** Everything that could settle has settled after it. */
export const realTurn = (): Promise<void> => realPlatform().timers.yield();
