import { type Platform, realPlatform } from '../platform/index.ts';

/** Time that passes only on request, so that tests of tens of seconds take no time. */
export class VirtualTime {
  now = 1_000;
  readonly platform: Platform;
  #timers: { readonly at: number; readonly fire: () => void }[] = [];

  constructor(random = 0.5) {
    const real = realPlatform();
    const set = (delayMs: number, fire: () => void) => {
      const timer = { at: this.now + Math.max(0, delayMs), fire };
      this.#timers.push(timer);
      return {
        cancel: () => {
          this.#timers = this.#timers.filter((other) => other !== timer);
        },
      };
    };
    this.platform = {
      ...real,
      clock: { wallNow: () => this.now, monoNow: () => this.now },
      random: { ...real.random, next: () => random },
      timers: { set, sleep: (delayMs) => new Promise((resolve) => void set(delayMs, resolve)), yield: real.timers.yield },
    };
  }

  get timers(): number {
    return this.#timers.length;
  }

  /** Lets time pass, and everything happen that is due, in its order. */
  async pass(ms: number): Promise<void> {
    const until = this.now + ms;
    await settle();
    for (;;) {
      const next = this.#timers.filter(({ at }) => at <= until).sort((a, b) => a.at - b.at)[0];
      if (!next) break;
      this.#timers = this.#timers.filter((other) => other !== next);
      this.now = Math.max(this.now, next.at);
      next.fire();
      await settle();
    }
    this.now = until;
  }
}

/** Lets promises that are due come to their ends. */
const settle = () => new Promise<void>((resolve) => setImmediate(resolve));
