import type { Platform } from '../platform/index.ts';
import { suspectWaitMs } from '../store/index.ts';

/**
 * The order in which work is started again during which the process ended. All that was under way then is suspected; the one that
 * ended it is found by starting suspects one at a time, and the later after the begin of the process the more often it ended
 * during them: what ends the process at its begin is then not taken for the work that merely begins with it.
 */
export class Suspects {
  readonly #platform: Platform;
  readonly #beganMono: number;
  #tail: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#beganMono = platform.clock.monoNow();
  }

  /** How many milliseconds too early it is to start work during which processes have ended so often. */
  earlyMs(ended: number): number {
    return Math.max(0, suspectWaitMs(ended) - (this.#platform.clock.monoNow() - this.#beganMono));
  }

  /** Waits until no other suspect is under way. @returns to be called when this one has ended */
  async turn(): Promise<() => void> {
    let release = () => {};
    const before = this.#tail;
    this.#tail = new Promise((resolve) => {
      release = resolve;
    });
    await before;
    return release;
  }
}
