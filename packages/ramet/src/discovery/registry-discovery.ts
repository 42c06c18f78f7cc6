import { type Duration, MINUTE, type Platform, Settings } from '../platform/index.ts';
import { type AddressRange, addressRules } from './address-rules.ts';
import type { Discovery, DiscoveryCapabilities, DiscoveryEnvironment, DiscoveryFactory, Instance, Registration } from './discovery.ts';
import { FollowedService } from './followed-service.ts';
import { KnownInstances } from './known-instances.ts';
import { Registrations } from './registrations.ts';
import type { Registry } from './registry.ts';

/** Options that every adapter of a registry has. */
export interface RegistryOptions {
  /** Where instances may answer; default `['private']`. */
  readonly allow?: readonly AddressRange[];
  /** How long a service that suddenly has no instance keeps those it had; default 15 minutes. */
  readonly keep?: Duration;
}

const NONE: readonly Instance[] = [];

/**
 * Makes the discovery of a registry.
 * @param open connects an adapter to the registry
 * @throws RangeError when an option is out of its range
 */
export function registryFactory(
  capabilities: DiscoveryCapabilities,
  { allow = ['private'], keep }: RegistryOptions,
  open: (platform: Platform) => Registry,
): DiscoveryFactory {
  const refused = addressRules(allow);
  const settings = new Settings(`${capabilities.name}: `);
  const keepMs = settings.duration('keep', keep, 15 * MINUTE);
  settings.check();
  return {
    capabilities,
    create: (environment) => new RegistryDiscovery(capabilities, open(environment.platform), { refused, keepMs }, environment),
  };
}

class RegistryDiscovery implements Discovery {
  readonly capabilities: DiscoveryCapabilities;
  readonly #registry: Registry;
  readonly #rules: { readonly refused: (host: string) => string | undefined; readonly keepMs: number };
  readonly #environment: DiscoveryEnvironment;
  readonly #registrations: Registrations;
  readonly #followed = new Map<string, FollowedService>();
  #closed = false;

  constructor(
    capabilities: DiscoveryCapabilities,
    registry: Registry,
    rules: { readonly refused: (host: string) => string | undefined; readonly keepMs: number },
    { platform, onError }: DiscoveryEnvironment,
  ) {
    this.capabilities = capabilities;
    this.#registry = registry;
    this.#rules = rules;
    this.#environment = { platform, onError: (error, where) => onError(error, { discovery: capabilities.name, ...where }) };
    this.#registrations = new Registrations(registry, this.#environment);
  }

  register(registrations: readonly Registration[]): Promise<void> {
    return this.#registrations.add(registrations);
  }

  withdraw(services?: readonly string[]): Promise<void> {
    return this.#registrations.withdraw(services);
  }

  async follow(services: readonly string[], waitMs: number): Promise<void> {
    if (this.#closed) return;
    const looked = Promise.all(services.map((service) => this.#follow(service).first));
    const enough = new AbortController();
    await Promise.race([looked, this.#environment.platform.timers.sleep(waitMs, enough.signal).catch(() => {})]);
    enough.abort();
  }

  instances(service: string): readonly Instance[] {
    return this.#followed.get(service)?.instances ?? NONE;
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.withdraw();
    await Promise.all([...this.#followed.values()].map((followed) => followed.stop()));
  }

  #follow(service: string): FollowedService {
    let followed = this.#followed.get(service);
    if (!followed) {
      const known = new KnownInstances({ ...this.#rules, service, registry: this.#registry.name, ...this.#environment });
      followed = new FollowedService(this.#registry, known, this.#environment);
      this.#followed.set(service, followed);
    }
    return followed;
  }
}
