import type { Platform } from './platform.ts';
import { Wakeable } from './wakeable.ts';

const FAILED_MS = 1_000;

/**
 * A background loop with an owner. It runs `round` repeatedly and waits between rounds as long as each round says. It can be woken
 * early, and `stop` waits for the round that is under way. A round that fails is reported to `onError` and repeated.
 */
export class Periodic {
  readonly #platform: Platform;
  readonly #round: () => Promise<number>;
  readonly #onError: (error: unknown) => void;
  #finished: Promise<void> | undefined;
  #stopping = false;
  readonly #idle: Wakeable;

  /** @param round does the work that is due, and returns in how many milliseconds the next round begins */
  constructor(platform: Platform, round: () => Promise<number>, onError: (error: unknown) => void = () => {}) {
    this.#platform = platform;
    this.#idle = new Wakeable(platform);
    this.#round = round;
    this.#onError = onError;
  }

  start(): void {
    this.#finished ??= this.#run();
  }

  wake(): void {
    this.#idle.wake();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#idle.wake();
    await this.#finished;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#idle.reset();
      let waitMs = FAILED_MS;
      try {
        waitMs = await this.#round();
      } catch (error) {
        this.#onError(error);
      }
      if (this.#stopping || this.#idle.woken) continue;
      if (waitMs > 0) await this.#idle.sleep(waitMs);
      else await this.#platform.timers.yield();
    }
  }
}
