import type { Platform } from '../platform/index.ts';

/**
 * Measures turns of the event loop while there is work: requests that arrive wait in the kernel, unseen, until a turn is over. A
 * watched turn waits for nothing, so all of its time is work.
 */
export class TurnWatch {
  readonly #platform: Platform;
  readonly #ended: (turnMs: number, nowMono: number) => boolean;
  #watching = false;
  #startedMono = 0;

  /** @param ended called at the end of a watched turn; returns whether to watch the next one too */
  constructor(platform: Platform, ended: (turnMs: number, nowMono: number) => boolean) {
    this.#platform = platform;
    this.#ended = ended;
  }

  /** Watches this turn. @returns how long the turn has taken so far, as far as is known */
  watch(nowMono: number): number {
    if (this.#watching) return nowMono - this.#startedMono;
    this.#watching = true;
    this.#startedMono = nowMono;
    this.#next();
    return 0;
  }

  #next(): void {
    void this.#platform.timers.yield().then(() => {
      const nowMono = this.#platform.clock.monoNow();
      const turnMs = nowMono - this.#startedMono;
      this.#startedMono = nowMono;
      this.#watching = this.#ended(turnMs, nowMono);
      if (this.#watching) this.#next();
    });
  }
}
