import { type Duration, MINUTE, Periodic, type Platform, Settings, steadyBackoffMs } from '../../platform/index.ts';
import {
  type AddressRange,
  addressRules,
  type Discovery,
  type DiscoveryCapabilities,
  type DiscoveryEnvironment,
  type DiscoveryFactory,
  type Instance,
  type Registration,
} from '../index.ts';
import { Agent, type Token } from './agent.ts';
import { Watch } from './watch.ts';

export const CONSUL_CAPABILITIES: DiscoveryCapabilities = { name: 'consul', registers: true, checks: true, pushes: true };

const LOOK_AGAIN_MS = 5_000;
const TAKE_BACK_TIMES = 2;
const BACKOFF = { baseMs: 500, capMs: 5_000 };
const NOBODY: readonly Instance[] = [];

export interface ConsulOptions {
  /** For Consul's ACL: a text, a secret, or a function. It needs `service:write` for what is registered here and `service:read` for what is called. */
  readonly token?: Token;
  /** Stands before the names of services, so that several installations can share one Consul, as in `shop-`. */
  readonly prefix?: string;
  /** Where instances may answer; default `['private']`. */
  readonly allow?: readonly AddressRange[];
  /** How long a service that suddenly has no instance keeps those it had; default 15 minutes. */
  readonly keep?: Duration;
}

/**
 * Discovery by HashiCorp Consul, through an agent's HTTP API.
 * @param url of the agent, as in `http://127.0.0.1:8500`
 * @throws RangeError when that is no such URL, or an option is none
 */
export function consul(url: string, options: ConsulOptions = {}): DiscoveryFactory {
  const base = URL.parse(url);
  if (
    !base ||
    !/^https?:$/.test(base.protocol) ||
    base.username !== '' ||
    base.password !== '' ||
    (base.pathname + base.search).length > 1
  ) {
    // The text itself is not repeated: it may hold a password.
    throw new RangeError("consul: the URL of the agent is http://host:port or https://host:port; a token goes into 'token'");
  }
  const refused = addressRules(options.allow ?? ['private']);
  const settings = new Settings('consul: ');
  const keepMs = settings.duration('keep', options.keep, 15 * MINUTE);
  settings.check();
  return {
    capabilities: CONSUL_CAPABILITIES,
    create: (environment) => new ConsulDiscovery(base, options, refused, keepMs, environment),
  };
}

class ConsulDiscovery implements Discovery {
  readonly capabilities = CONSUL_CAPABILITIES;
  readonly #platform: Platform;
  readonly #agent: Agent;
  readonly #prefix: string;
  readonly #refused: (host: string) => string | undefined;
  readonly #keepMs: number;
  readonly #onError: DiscoveryEnvironment['onError'];
  readonly #watches = new Map<string, Watch>();
  readonly #registered = new Map<string, Registration>();
  /** What failed to be registered, and how often it is still to be taken back. */
  readonly #doubtful = new Map<string, number>();
  #keeper: Periodic | undefined;
  #failures = 0;
  #closed = false;

  constructor(
    base: URL,
    options: ConsulOptions,
    refused: (host: string) => string | undefined,
    keepMs: number,
    { platform, onError }: DiscoveryEnvironment,
  ) {
    this.#platform = platform;
    this.#agent = new Agent(platform, base, options.token);
    this.#prefix = options.prefix ?? '';
    this.#refused = refused;
    this.#keepMs = keepMs;
    this.#onError = onError;
  }

  async register(registrations: readonly Registration[]): Promise<void> {
    const results = await Promise.allSettled(registrations.map((one) => this.#agent.register(one, this.#prefix + one.service)));
    const failure = results.find((result) => result.status === 'rejected');
    for (const one of registrations) {
      // Half of a process is not made known. A request that got no answer may arrive all the same, and later than what takes it back.
      if (failure) this.#doubtful.set(one.id, TAKE_BACK_TIMES);
      else this.#registered.set(one.id, one);
    }
    this.#keeper ??= this.#keep();
    if (failure) throw failure.reason;
  }

  async withdraw(services?: readonly string[]): Promise<void> {
    // First the keeper, which would register again what it misses.
    const keeper = this.#keeper;
    this.#keeper = undefined;
    await keeper?.stop();
    const registered = [...this.#registered.values()].filter(({ service }) => services?.includes(service) ?? true).map(({ id }) => id);
    const ids = services ? registered : [...registered, ...this.#doubtful.keys()];
    for (const id of ids) {
      this.#registered.delete(id);
      this.#doubtful.delete(id);
    }
    if (this.#registered.size + this.#doubtful.size > 0) this.#keeper ??= this.#keep();
    const results = await Promise.allSettled(ids.map((id) => this.#agent.deregister(id)));
    for (const result of results) {
      // Consul removes it by itself when its check has failed for a minute.
      if (result.status === 'rejected') this.#onError(result.reason, { discovery: 'consul', doing: 'withdraw' });
    }
  }

  async follow(services: readonly string[], waitMs: number): Promise<void> {
    if (this.#closed) return;
    const watches = services.map((service) => this.#watch(service));
    const enough = new AbortController();
    const looked = Promise.all(watches.map((watch) => watch.first));
    await Promise.race([looked, this.#platform.timers.sleep(waitMs, enough.signal).catch(() => {})]);
    enough.abort();
  }

  instances(service: string): readonly Instance[] {
    return this.#watches.get(service)?.instances ?? NOBODY;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.withdraw();
    await Promise.all([...this.#watches.values()].map((watch) => watch.stop()));
  }

  #watch(service: string): Watch {
    const known = this.#watches.get(service);
    if (known) return known;
    const watch = new Watch({
      platform: this.#platform,
      agent: this.#agent,
      service,
      name: this.#prefix + service,
      refused: this.#refused,
      keepMs: this.#keepMs,
      onError: this.#onError,
    });
    this.#watches.set(service, watch);
    return watch;
  }

  /** An agent that was set up anew, or that took a paused process for dead, has forgotten us. */
  #keep(): Periodic {
    const round = async (): Promise<number> => {
      try {
        for (const one of this.#registered.values()) {
          if (!(await this.#agent.knows(one.id))) await this.#agent.register(one, this.#prefix + one.service);
        }
        for (const [id, times] of this.#doubtful) {
          await this.#agent.deregister(id);
          if (times > 1) this.#doubtful.set(id, times - 1);
          else this.#doubtful.delete(id);
        }
        this.#failures = 0;
        return LOOK_AGAIN_MS * (0.75 + this.#platform.random.next() / 2);
      } catch (error) {
        this.#failures += 1;
        this.#onError(error, { discovery: 'consul', doing: 'stay registered' });
        return steadyBackoffMs(this.#platform, BACKOFF, this.#failures);
      }
    };
    const keeper = new Periodic(this.#platform, round);
    keeper.start();
    return keeper;
  }
}
