import { BootError, isOutage, RametError, reasonOf, type Warn } from '../errors/index.ts';
import { type Duration, durationMs, Patience, type Platform, SECOND, type Wait } from '../platform/index.ts';

/** How long a start waits for servers that are unavailable. */
export const BOOT_WAIT: Duration = '60s';

/**
 * The one wait of a start: for stores, brokers and registries, at every statement, within one bound for everything together.
 * An outage is waited for and reported after 2 s, then every 10 s; any other failure ends the start at once.
 */
export class BootWait {
  readonly #patience: Patience;
  readonly #forMs: number;
  readonly #unlessEnded: () => void;

  /**
   * @param unlessEnded throws when the start must end; called before each attempt
   * @throws RangeError when `bootWait` is not a duration
   */
  constructor(platform: Platform, warn: Warn, bootWait: Duration = BOOT_WAIT, unlessEnded: () => void = () => {}) {
    this.#forMs = durationMs(bootWait);
    this.#unlessEnded = unlessEnded;
    const startedMono = platform.clock.monoNow();
    this.#patience = new Patience(platform, {
      forMs: this.#forMs,
      passes: isOutage,
      onWait: (waits) => {
        const waitedMs = Math.round(platform.clock.monoNow() - startedMono);
        warn('start_waits', { waitingFor: waits.map(({ what }) => what), waitedMs, bootWaitMs: this.#forMs }, this.#said(waits));
      },
      onOver: () => warn('start_continues', { waitedMs: Math.round(platform.clock.monoNow() - startedMono) }),
    });
  }

  /**
   * Repeats `work`, which must be idempotent, while a server is unavailable.
   * @throws RametError when the time is over, and what `work` threw when that is not an outage
   */
  async until<T>(what: string, work: () => Promise<T>): Promise<T> {
    try {
      return await this.#patience.until(what, async () => {
        this.#unlessEnded();
        return work();
      });
    } catch (error) {
      if (!isOutage(error)) throw error;
      throw new RametError((error as RametError).code, `${(error as Error).message}; the start waited for ${this.#forMs / SECOND} s`, {
        cause: error,
      });
    }
  }

  /** Runs `work` one time, and reports when it takes long. @throws what `work` threw */
  once<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#patience.once(what, work);
  }

  #said(waits: readonly Wait[]): string {
    const failed = waits.find(({ error }) => error !== undefined);
    const others = waits.length > 1 ? ` (and for ${waits.length - 1} more)` : '';
    if (!failed) return `${waits[0]?.what}${others} has not answered yet`;
    return `${failed.what}${others}, for ${this.#forMs / SECOND} s at most: ${reasonOf(failed.error)}`;
  }
}

/** @throws BootError in place of a fault of ours, so that it is said as one sentence */
export function failBoot(error: unknown): never {
  throw error instanceof RametError && !(error instanceof BootError) ? new BootError([error.message]) : error;
}
