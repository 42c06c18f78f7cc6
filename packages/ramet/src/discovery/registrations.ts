import { Periodic, steadyBackoffMs } from '../platform/index.ts';
import type { DiscoveryEnvironment, Registration } from './discovery.ts';
import type { Registry } from './registry.ts';

const KEEP_EVERY_MS = 5_000;
const WITHDRAW_TIMES = 2;
const BACKOFF = { baseMs: 500, capMs: 5_000 };

/**
 * What this process has made known. A registry that was set up again, or that took a paused process for dead, has forgotten
 * it: every few seconds each registration is made sure of.
 */
export class Registrations {
  readonly #registry: Registry;
  readonly #environment: DiscoveryEnvironment;
  readonly #registered = new Map<string, Registration>();
  /** Registrations that failed, and how often each is still to be taken back. */
  readonly #doubtful = new Map<string, number>();
  #keeper: Periodic | undefined;
  #failures = 0;

  constructor(registry: Registry, environment: DiscoveryEnvironment) {
    this.#registry = registry;
    this.#environment = environment;
  }

  /** Makes instances known, all of them or none. @throws RametError of the first that failed */
  async add(registrations: readonly Registration[]): Promise<void> {
    const results = await Promise.allSettled(registrations.map((one) => this.#registry.register(one)));
    const failure = results.find((result) => result.status === 'rejected');
    for (const one of registrations) {
      // A request that got no answer may still arrive, and later than the one that takes it back.
      if (failure) this.#doubtful.set(one.id, WITHDRAW_TIMES);
      else this.#registered.set(one.id, one);
    }
    this.#keeper ??= this.#keep();
    if (failure) throw failure.reason;
  }

  /** Takes instances back: those of `services`, or all. */
  async withdraw(services?: readonly string[]): Promise<void> {
    // First the keeper ends: it would register again what it misses.
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
    const results = await Promise.allSettled(ids.map((id) => this.#registry.withdraw(id)));
    for (const result of results) {
      // The registry removes the instance alone once its check has failed, or its lease has ended.
      if (result.status === 'rejected') this.#environment.onError(result.reason, { doing: 'withdraw' });
    }
  }

  #keep(): Periodic {
    const { platform, onError } = this.#environment;
    const round = async (): Promise<number> => {
      try {
        for (const one of this.#registered.values()) {
          await this.#registry.keep(one);
          // Taken back meanwhile, so that it may have been made known again after that.
          if (!this.#registered.has(one.id)) this.#doubtful.set(one.id, 1);
        }
        for (const [id, times] of this.#doubtful) {
          await this.#registry.withdraw(id);
          if (times > 1) this.#doubtful.set(id, times - 1);
          else this.#doubtful.delete(id);
        }
        this.#failures = 0;
        return KEEP_EVERY_MS * (0.75 + platform.random.next() / 2);
      } catch (error) {
        this.#failures += 1;
        onError(error, { doing: 'stay registered' });
        return steadyBackoffMs(platform, BACKOFF, this.#failures);
      }
    };
    const keeper = new Periodic(platform, round);
    keeper.start();
    return keeper;
  }
}
