import { RametError } from '../../errors/index.ts';
import { Periodic, type Platform, steadyBackoffMs } from '../../platform/index.ts';
import type { Instance } from '../index.ts';
import type { Agent, Look } from './agent.ts';

const WAIT_MS = 30_000;
const PAUSE_MS = 100;
const BACKOFF = { baseMs: 250, capMs: 10_000 };
const NOBODY: readonly Instance[] = [];

export interface WatchOptions {
  readonly platform: Platform;
  readonly agent: Agent;
  /** As the caller knows it, and as Consul does. */
  readonly service: string;
  readonly name: string;
  /** Why an address is not to be called. */
  readonly refused: (host: string) => string | undefined;
  /** How long a service that suddenly has nobody keeps those whom it had, in milliseconds. */
  readonly keepMs: number;
  readonly onError: (error: unknown, where: object) => void;
}

/**
 * Follows one service by blocking queries (developer.hashicorp.com/consul/api-docs/features/blocking): the index starts again
 * when it goes backwards and after every failure, for a Consul that has lost its data would let an old one wait in vain.
 */
export class Watch {
  readonly #options: WatchOptions;
  readonly #looking = new AbortController();
  readonly #loop: Periodic;
  readonly #first = Promise.withResolvers<void>();
  /** Addresses that were refused, so that each is told once. */
  #refused = new Set<string>();
  #known = NOBODY;
  #emptySinceMono: number | undefined;
  #index = 0;
  #failures = 0;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#loop = new Periodic(options.platform, () => this.#round());
    this.#loop.start();
  }

  /** Resolves when the service has been looked up once, or is not followed any more. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  get instances(): readonly Instance[] {
    const { platform, keepMs } = this.#options;
    if (this.#emptySinceMono !== undefined && platform.clock.monoNow() - this.#emptySinceMono > keepMs) this.#known = NOBODY;
    return this.#known;
  }

  async stop(): Promise<void> {
    this.#looking.abort(new Error('not followed any more'));
    await this.#loop.stop();
    this.#first.resolve();
  }

  async #round(): Promise<number> {
    const { platform, agent, name, service, onError } = this.#options;
    // Processes that were started together do not come back together.
    const waitMs = Math.round(WAIT_MS * (0.75 + platform.random.next() / 4));
    try {
      const look = await agent.passing(name, this.#index, waitMs, this.#looking.signal);
      this.#failures = 0;
      this.#index = look.index < this.#index ? 0 : look.index;
      this.#take(look);
      this.#first.resolve();
      // A service that flaps, or a Consul that answers without waiting, shall not keep two processes busy.
      return PAUSE_MS * (0.5 + platform.random.next());
    } catch (error) {
      if (this.#looking.signal.aborted) return 0;
      this.#index = 0;
      this.#failures += 1;
      onError(error, { discovery: 'consul', service });
      return steadyBackoffMs(platform, BACKOFF, this.#failures);
    }
  }

  #take(look: Look): void {
    const found = this.#vetted(look.instances);
    // Seldom have all gone at once: more often the registry has lost them. Whoever is gone indeed does not answer.
    if (found.length === 0) {
      if (this.#known.length > 0) this.#emptySinceMono ??= this.#options.platform.clock.monoNow();
      return;
    }
    this.#emptySinceMono = undefined;
    if (!same(found, this.#known)) this.#known = found;
  }

  #vetted(instances: readonly Instance[]): readonly Instance[] {
    const { service, agent, refused, onError } = this.#options;
    const told = new Set<string>();
    const found = new Map<string, Instance>();
    for (const instance of instances) {
      const { id, host, port } = instance;
      const reason = refused(host) ?? (Number.isInteger(port) && port > 0 && port < 65_536 ? undefined : `${port} is no port`);
      if (reason === undefined) {
        found.set(id, instance);
        continue;
      }
      const what = `${id} ${reason}`;
      told.add(what);
      if (this.#refused.has(what)) continue;
      const detail = `${agent.name} names an instance of '${service}' that is not called: ${reason}`;
      onError(new RametError('Unavailable', detail), { discovery: 'consul', service, instance: id });
    }
    this.#refused = told;
    return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  }
}

function same(a: readonly Instance[], b: readonly Instance[]): boolean {
  return a.length === b.length && a.every(({ id, host, port }, at) => b[at]?.id === id && b[at]?.host === host && b[at]?.port === port);
}
