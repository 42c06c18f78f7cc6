import type { Platform } from './platform.ts';

const FAILED_MS = 1_000;

/**
 * A background loop with an owner: runs `round` again and again, waits as long as each round says, can be woken early, and
 * stops when asked, after the round that is under way. A round that fails is told to `onError` and tried again.
 */
export class Periodic {
  readonly #platform: Platform;
  readonly #round: () => Promise<number>;
  readonly #onError: (error: unknown) => void;
  #finished: Promise<void> | undefined;
  #stopping = false;
  #woken = false;
  #wake: (() => void) | undefined;

  /** @param round does what is to be done now and answers in how many milliseconds to come again */
  constructor(platform: Platform, round: () => Promise<number>, onError: (error: unknown) => void = () => {}) {
    this.#platform = platform;
    this.#round = round;
    this.#onError = onError;
  }

  start(): void {
    this.#finished ??= this.#run();
  }

  wake(): void {
    this.#woken = true;
    this.#wake?.();
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#wake?.();
    await this.#finished;
  }

  async #run(): Promise<void> {
    while (!this.#stopping) {
      this.#woken = false;
      let waitMs = FAILED_MS;
      try {
        waitMs = await this.#round();
      } catch (error) {
        this.#onError(error);
      }
      if (this.#stopping || this.#woken) continue;
      if (waitMs > 0) await this.#idle(waitMs);
      else await this.#platform.timers.yield();
    }
  }

  #idle(waitMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = this.#platform.timers.set(waitMs, () => this.#wake?.());
      this.#wake = () => {
        timer.cancel();
        this.#wake = undefined;
        resolve();
      };
    });
  }
}
