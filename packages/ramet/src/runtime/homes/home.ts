import type { Bus } from '../../bus/index.ts';
import { BootError, RametError } from '../../errors/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import { type Fault, fault, stopped } from '../../rpc/index.ts';
import { Door, type HostedService, type ServiceDefinition } from '../../service/index.ts';
import type { Store } from '../../store/index.ts';
import type { EventLog } from '../../telemetry/index.ts';
import type { BootWait } from '../boot-wait.ts';
import { appear, type PresenceEnvironment } from './presence.ts';

/** How long calls under way may take to end before the store of a stopped service is closed. */
const DRAIN_MS = 15 * SECOND;

/**
 * - `stopped`: the store is closed, and calls are answered `Unavailable` with executed `no`.
 * - `starting`, `stopping`: on the way to the next state.
 * - `running`: calls are answered, and the background work runs.
 * - `quiesced`: calls are answered, and nothing works in the background. What calls store for later waits for the next start.
 */
export type HomeState = 'stopped' | 'starting' | 'running' | 'quiesced' | 'stopping';

/** The life of one service in a process, apart from that of the others. */
export interface ServiceHome {
  readonly name: string;
  readonly state: HomeState;
  /**
   * Starts the service: opens its store where that is closed, and takes calls, events and background work. A service that runs is left alone.
   * @throws BootError when it cannot be started: it is stopped then, `/health` reports it, and it can be started again
   */
  readonly start: () => Promise<void>;
  /**
   * Ends the background work and keeps answering calls: consumers end between two events, sagas at a step; schedules, timers, relay and
   * retries stop; effects under way finish. Continue with `start` or `stop`.
   */
  readonly quiesce: () => Promise<void>;
  /** Stops the service: quiesces it, answers the calls under way, and closes its store. New calls are answered `Unavailable`, executed `no`. */
  readonly stop: () => Promise<void>;
}

/** What a home does with the process around it. */
export interface HomeEnvironment extends PresenceEnvironment {
  readonly platform: Platform;
  readonly log: EventLog;
  readonly bus: Bus;
  readonly open: (definition: ServiceDefinition, wait: BootWait) => Promise<Store>;
  readonly host: (definition: ServiceDefinition, store: Store, door: Door) => HostedService;
  /** Makes the wait of one start. @param unlessEnded throws when the start must end; called before each attempt */
  readonly newWait: (unlessEnded: () => void) => BootWait;
  /** Makes other processes call the service here. */
  readonly offer: (name: string, wait: BootWait) => Promise<void>;
  /** Makes other processes call the service elsewhere. Never rejects. */
  readonly withdraw: (name: string) => Promise<void>;
  /** Called when a service has left, for what is kept by its name elsewhere. */
  readonly onLeft: (name: string) => void;
}

/** The service of a process: hosted on its store, shown, connected with the bus, and working; and all of that taken back. */
export class Home implements ServiceHome {
  readonly #definition: ServiceDefinition;
  readonly #environment: HomeEnvironment;
  readonly #door = new Door(() => this.refusal());
  #state: HomeState = 'stopped';
  #hosted: HostedService | undefined;
  #disappear: (() => void) | undefined;
  /** The outbox at the bus. */
  #source: { stop(): Promise<void> } | undefined;
  #consumptions: readonly { stop(): Promise<void> }[] = [];
  /** Removes the health check of a service that does not run. */
  #present: (() => void) | undefined;
  #failure: unknown;
  /** One change at a time. */
  #turn: Promise<void> = Promise.resolve();
  #ended = false;

  constructor(definition: ServiceDefinition, environment: HomeEnvironment) {
    this.#definition = definition;
    this.#environment = environment;
  }

  get name(): string {
    return this.#definition.contract.name;
  }

  get state(): HomeState {
    return this.#state;
  }

  /** Says why the service does not answer. */
  get absence(): string {
    return `service '${this.name}' is ${this.#state}`;
  }

  /** Returns the answer to a call that the service does not take. */
  refusal(): Fault {
    return this.#ended ? fault(new RametError('ShuttingDown', undefined, { executed: 'no' })) : stopped(this.name, this.absence);
  }

  readonly start = (): Promise<void> =>
    this.#next(async () => {
      this.#unlessEnded();
      if (this.#state !== 'running') await this.#start();
    });

  readonly quiesce = (): Promise<void> =>
    this.#next(async () => {
      if (this.#state !== 'running') return;
      await this.rest();
      // From here on a start has to begin the work again, also where the bus did not let go of the outbox.
      this.#state = 'quiesced';
      await this.#detach();
      this.#environment.log.event('service_quiesced', { service: this.name });
    });

  readonly stop = (): Promise<void> =>
    this.#next(async () => {
      if (this.#state === 'stopped') return;
      this.#failure = undefined;
      await this.#stop();
      this.#environment.log.event('service_stopped', { service: this.name });
    });

  /** Puts the service together on its open store, and shows it: calls are answered from now on. */
  host(): void {
    const { directory, host } = this.#environment;
    const hosted = host(this.#definition, directory.stores.get(this.name) as Store, this.#door);
    this.#disappear?.();
    this.#present?.();
    this.#present = undefined;
    this.#door.open();
    this.#hosted = hosted;
    this.#disappear = appear(hosted, this.#environment);
  }

  /** Connects the service with the bus: its events are available, and it takes those of others. */
  connect(): void {
    const { bus } = this.#environment;
    const { outbox, consumers } = this.#hosted as HostedService;
    this.#source = bus.attach(outbox);
    this.#consumptions = consumers.map(({ group, topics, sink }) => bus.consume({ group, topics, sink }));
  }

  /** Reports open sagas that began with a program that this deployment does not have. */
  async reportMissing(wait: BootWait): Promise<void> {
    const { engine } = this.#hosted as HostedService;
    const missing = await wait.until(`the store of '${this.name}'`, async () => engine?.missingPrograms());
    for (const program of missing ?? []) this.#environment.log.event('programs_missing', program);
  }

  /** Begins the background work. */
  begin(): void {
    this.#hosted?.start();
    this.#state = 'running';
  }

  /** Ends the consumption of events and the background work. */
  async rest(): Promise<void> {
    const consumptions = this.#consumptions;
    this.#consumptions = [];
    await Promise.allSettled([...consumptions.map((consumption) => consumption.stop()), this.#hosted?.quiesce()]);
  }

  /**
   * The process ends: no further start, and the background work ends. A start under way ends at its next step and takes everything
   * back, which is awaited. The process itself closes bus and stores.
   */
  async end(): Promise<void> {
    this.#ended = true;
    this.#hosted?.endWaits();
    await this.#turn;
    await this.rest();
  }

  /** Refuses calls, because the process is about to close the store. */
  shut(): void {
    this.#door.shut();
  }

  async #start(): Promise<void> {
    const { directory, log, open, newWait, offer } = this.#environment;
    const wait = newWait(() => this.#unlessEnded());
    // A quiesced service answers calls, so that other processes know it already.
    const isKnown = this.#hosted !== undefined;
    // Of the calls that were answered while nothing worked.
    await this.#hosted?.release();
    this.#state = 'starting';
    try {
      if (!directory.stores.has(this.name)) directory.stores.set(this.name, await open(this.#definition, wait));
      this.#unlessEnded();
      this.host();
      this.connect();
      await this.reportMissing(wait);
      this.#unlessEnded();
      this.begin();
      if (!isKnown) await offer(this.name, wait);
      this.#unlessEnded();
      this.#failure = undefined;
      log.event('service_started', { service: this.name });
    } catch (error) {
      this.#failure = error;
      await this.#stop();
      log.event('service_start_failed', { err: error, service: this.name });
      throw error instanceof BootError ? error : new BootError([(error as Error).message]);
    }
  }

  async #stop(): Promise<void> {
    const { platform, directory, log, withdraw, onLeft } = this.#environment;
    this.#state = 'stopping';
    // Its own sagas call it too: they come to the end of a step while it still answers.
    await Promise.all([this.rest(), withdraw(this.name)]);
    this.#disappear?.();
    this.#disappear = undefined;
    this.#showAbsent();
    this.#hosted?.endWaits();
    if (!(await this.#door.close(platform, DRAIN_MS))) log.event('service_stop_overdue', { service: this.name, calls: this.#door.inside });
    const store = directory.stores.get(this.name);
    try {
      await this.#detach();
      await this.#hosted?.release();
    } finally {
      this.#hosted = undefined;
      directory.stores.delete(this.name);
      onLeft(this.name);
      this.#state = 'stopped';
      await store?.close();
    }
  }

  async #detach(): Promise<void> {
    const source = this.#source;
    this.#source = undefined;
    await source?.stop();
  }

  #showAbsent(): void {
    this.#present ??= this.#environment.health.add(
      `service:${this.name}`,
      () => {
        throw new RametError('Unavailable', this.absence, { cause: this.#failure });
      },
      { kind: 'degrading' },
    );
  }

  #next(change: () => Promise<void>): Promise<void> {
    const done = this.#turn.then(change);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** @throws RametError ShuttingDown */
  #unlessEnded(): void {
    if (this.#ended) throw new RametError('ShuttingDown');
  }
}
