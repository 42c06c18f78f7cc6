import { RametError } from '../errors/index.ts';
import type { DiscoveryEnvironment, Endpoint, Instance } from './discovery.ts';
import { isPort, placeOf } from './endpoints.ts';

const NONE: readonly Instance[] = [];

/** Options of {@link KnownInstances}. */
export interface KnownOptions extends DiscoveryEnvironment {
  readonly service: string;
  /** The name of the registry, for messages. */
  readonly registry: string;
  /** Says why a host must not be called; undefined when it may be. */
  readonly refused: (host: string) => string | undefined;
  /** How long a service that suddenly has no instance keeps those it had, in milliseconds. */
  readonly keepMs: number;
}

/**
 * The instances of one service, as last known. Endpoints that must not be called are excluded, and an empty list is not
 * believed at once: a registry loses its data more often than all instances end together, and an instance that did end
 * does not answer.
 */
export class KnownInstances {
  readonly #options: KnownOptions;
  /** Endpoints that were refused, so that each is reported once. */
  #refused = new Set<string>();
  #known = NONE;
  #emptySinceMono: number | undefined;

  constructor(options: KnownOptions) {
    this.#options = options;
  }

  get service(): string {
    return this.#options.service;
  }

  /** The same array until something changes. */
  get list(): readonly Instance[] {
    const { platform, keepMs } = this.#options;
    if (this.#emptySinceMono !== undefined && platform.clock.monoNow() - this.#emptySinceMono > keepMs) this.#known = NONE;
    return this.#known;
  }

  /** Takes over what a look has found. */
  update(instances: readonly Instance[]): void {
    const found = this.#vetted(instances);
    if (found.length === 0) {
      if (this.#known.length > 0) this.#emptySinceMono ??= this.#options.platform.clock.monoNow();
      return;
    }
    this.#emptySinceMono = undefined;
    if (!same(found, this.#known)) this.#known = found;
  }

  #vetted(instances: readonly Instance[]): readonly Instance[] {
    const refusedNow = new Set<string>();
    const found = new Map<string, Instance>();
    for (const { id, endpoints } of instances) {
      const allowed = endpoints.filter((endpoint) => !this.#refuses(id, endpoint, refusedNow));
      if (allowed.length > 0) found.set(id, { id, endpoints: allowed });
    }
    this.#refused = refusedNow;
    return [...found.values()].sort((a, b) => (a.id < b.id ? -1 : a.id > b.id ? 1 : 0));
  }

  #refuses(id: string, { host, port }: Endpoint, refusedNow: Set<string>): boolean {
    const { service, registry, refused, onError } = this.#options;
    const reason = refused(host) ?? (isPort(port) ? undefined : `${port} is not a port`);
    if (reason === undefined) return false;
    const what = `${id} ${reason}`;
    refusedNow.add(what);
    if (!this.#refused.has(what)) {
      const detail = `${registry} names an instance of '${service}' that is not called: ${reason}`;
      onError(new RametError('Unavailable', detail), { service, instance: id });
    }
    return true;
  }
}

function same(a: readonly Instance[], b: readonly Instance[]): boolean {
  return a.length === b.length && a.every((instance, at) => text(instance) === text(b[at] as Instance));
}

const text = ({ id, endpoints }: Instance): string =>
  `${id} ${endpoints.map((endpoint) => `${endpoint.protocol}://${placeOf(endpoint)}`).join(' ')}`;
