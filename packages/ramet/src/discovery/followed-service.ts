import { Periodic, steadyBackoffMs } from '../platform/index.ts';
import type { DiscoveryEnvironment, Instance } from './discovery.ts';
import type { KnownInstances } from './known-instances.ts';
import type { Registry } from './registry.ts';

const WAIT_MS = 30_000;
const PAUSE_MS = 100;
const BACKOFF = { baseMs: 250, capMs: 10_000 };

/**
 * Follows one service: a look that waits for the next change, then the next look. After a failure it looks from the beginning,
 * because a registry that has lost its data would let an old position wait in vain.
 */
export class FollowedService {
  readonly #registry: Registry;
  readonly #known: KnownInstances;
  readonly #environment: DiscoveryEnvironment;
  readonly #looking = new AbortController();
  readonly #loop: Periodic;
  readonly #first = Promise.withResolvers<void>();
  #position: string | undefined;
  #failures = 0;

  constructor(registry: Registry, known: KnownInstances, environment: DiscoveryEnvironment) {
    this.#registry = registry;
    this.#known = known;
    this.#environment = environment;
    this.#loop = new Periodic(environment.platform, () => this.#round());
    this.#loop.start();
  }

  /** Resolves when the service has been looked up once, or is no longer followed. */
  get first(): Promise<void> {
    return this.#first.promise;
  }

  get instances(): readonly Instance[] {
    return this.#known.list;
  }

  async stop(): Promise<void> {
    this.#looking.abort(new Error('the service is no longer followed'));
    await this.#loop.stop();
    this.#first.resolve();
  }

  async #round(): Promise<number> {
    const { platform, onError } = this.#environment;
    const { service } = this.#known;
    // Processes that were started together must not return together.
    const waitMs = Math.round(WAIT_MS * (0.75 + platform.random.next() / 4));
    const since = this.#position === undefined ? undefined : { position: this.#position, waitMs };
    try {
      const { instances, position } = await this.#registry.look(service, since, this.#looking.signal);
      this.#failures = 0;
      this.#position = position;
      this.#known.update(instances);
      this.#first.resolve();
      // A service that flaps, or a registry that answers without waiting, must not keep two processes busy.
      return PAUSE_MS * (0.5 + platform.random.next());
    } catch (error) {
      if (this.#looking.signal.aborted) return 0;
      this.#position = undefined;
      this.#failures += 1;
      onError(error, { service });
      return steadyBackoffMs(platform, BACKOFF, this.#failures);
    }
  }
}
