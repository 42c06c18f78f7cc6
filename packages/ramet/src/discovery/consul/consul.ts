import type { DiscoveryCapabilities, DiscoveryFactory, Registration } from '../discovery.ts';
import type { Look, Registry, Since } from '../registry.ts';
import { type RegistryOptions, registryFactory } from '../registry-discovery.ts';
import { Agent, type Token } from './agent.ts';

/** What this adapter can do. */
export const capabilities: DiscoveryCapabilities = { name: 'consul', registers: true, checks: true, pushes: true };

/** Options of {@link consul}. */
export interface ConsulOptions extends RegistryOptions {
  /** For Consul's ACL: a text, a secret, or a function. It needs `service:write` for what is registered here and `service:read` for what is called. */
  readonly token?: Token;
  /** Stands before the names of services, so that several installations can share one Consul, as in `shop-`. */
  readonly prefix?: string;
}

/**
 * Finds and registers processes in HashiCorp Consul, through an agent's HTTP API.
 * @param url of the agent, as in `http://127.0.0.1:8500`
 * @throws RangeError when that is not such a URL, or an option is out of its range
 * @example consul('http://127.0.0.1:8500', { prefix: 'shop-', keep: '15m' })
 */
export function consul(url: string, { token, prefix = '', ...options }: ConsulOptions = {}): DiscoveryFactory {
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
  return registryFactory(capabilities, options, (platform) => new ConsulRegistry(new Agent(platform, base, token), prefix));
}

/**
 * Consul as a registry. Its looks are blocking queries (developer.hashicorp.com/consul/api-docs/features/blocking); when the
 * index goes backwards, the next look starts from the beginning.
 */
class ConsulRegistry implements Registry {
  readonly name: string;
  readonly #agent: Agent;
  readonly #prefix: string;

  constructor(agent: Agent, prefix: string) {
    this.name = agent.name;
    this.#agent = agent;
    this.#prefix = prefix;
  }

  register(registration: Registration): Promise<void> {
    return this.#agent.register(registration, this.#prefix + registration.service);
  }

  async keep(registration: Registration): Promise<void> {
    if (!(await this.#agent.knows(registration.id))) await this.register(registration);
  }

  withdraw(id: string): Promise<void> {
    return this.#agent.deregister(id);
  }

  async look(service: string, since: Since | undefined, signal: AbortSignal): Promise<Look> {
    const from = Number(since?.position ?? 0);
    const { index, instances } = await this.#agent.passing(this.#prefix + service, from, since?.waitMs ?? 0, signal);
    return { instances, position: index < from || index === 0 ? undefined : String(index) };
  }
}
