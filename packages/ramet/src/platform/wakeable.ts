import type { Platform } from './platform.ts';

/**
 * A sleep that ends early when there is something to do. A wake while its owner is awake is remembered, so that the next sleep ends at once:
 * call {@link reset} before looking for work, and nothing that arrives during the look is missed.
 */
export class Wakeable {
  readonly #platform: Pick<Platform, 'timers'>;
  #woken = false;
  #end: (() => void) | undefined;

  constructor(platform: Pick<Platform, 'timers'>) {
    this.#platform = platform;
  }

  /** Whether there was a wake since the last {@link reset}. */
  get woken(): boolean {
    return this.#woken;
  }

  reset(): void {
    this.#woken = false;
  }

  wake(): void {
    this.#woken = true;
    this.#end?.();
  }

  /** Resolves at a wake, at once if there was one since the last {@link reset}, and after `ms` at the latest. One caller sleeps at a time. */
  sleep(ms: number): Promise<void> {
    if (this.#woken) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = this.#platform.timers.set(ms, () => this.#end?.());
      this.#end = () => {
        timer.cancel();
        this.#end = undefined;
        resolve();
      };
    });
  }
}
