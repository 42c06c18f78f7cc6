import type { Platform, Timer } from '../../platform/index.ts';

/** How often connections are checked. */
const LOOK_MS = 500;

/** Checks connections periodically, while there are any. */
export class Upkeep {
  readonly #platform: Platform;
  readonly #look: (nowMono: number, late: boolean) => boolean;
  #timer: Timer | undefined;
  #dueMono = 0;
  #stopped = false;

  /** @param look checks everything, and returns whether to continue */
  constructor(platform: Platform, look: (nowMono: number, late: boolean) => boolean) {
    this.#platform = platform;
    this.#look = look;
  }

  start(): void {
    if (this.#timer || this.#stopped) return;
    this.#dueMono = this.#platform.clock.monoNow() + LOOK_MS;
    this.#timer = this.#platform.timers.set(LOOK_MS, () => {
      this.#timer = undefined;
      const nowMono = this.#platform.clock.monoNow();
      // A process that was blocked has not read what arrived meanwhile.
      if (this.#look(nowMono, nowMono - this.#dueMono > LOOK_MS)) this.start();
    });
  }

  stop(): void {
    this.#stopped = true;
    this.#timer?.cancel();
    this.#timer = undefined;
  }
}
