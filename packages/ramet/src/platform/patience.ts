import { type Backoff, steadyBackoffMs } from './backoff.ts';
import { SECOND } from './duration.ts';
import type { Platform, Timer } from './platform.ts';

/** How soon a wait is reported, and how often after that. */
const FIRST_MS = 2 * SECOND;
const AGAIN_MS = 10 * SECOND;
const BACKOFF: Backoff = { baseMs: 100, capMs: 2 * SECOND };

/** Something that a process waits for. */
export interface Wait {
  /** What it is, as `the store of 'orders'`. */
  readonly what: string;
  /** The last failure; undefined while the first attempt is under way. */
  error: unknown;
}

/** The options of {@link Patience}. */
export interface PatienceOptions {
  /** How long failures are tolerated, in milliseconds from the start, over all waits together. */
  readonly forMs: number;
  /** Whether a failure ends without an operator. Any other failure is thrown at once. */
  readonly passes: (error: unknown) => boolean;
  /** Called 2 s after a wait has begun, and every 10 s while anything is waited for. */
  readonly onWait: (waits: readonly Wait[]) => void;
  /** Called when nothing is waited for any more after {@link onWait} was called. */
  readonly onOver: () => void;
}

/**
 * Waits for servers that are unavailable, within one bound for all of them. Work is repeated until it succeeds, so it must be idempotent.
 * Work that takes long without a failure has no bound here, and is reported in the same way.
 */
export class Patience {
  readonly #platform: Platform;
  readonly #options: PatienceOptions;
  readonly #untilMono: number;
  readonly #waits = new Set<Wait>();
  #timer: Timer | undefined;
  #reportedWait = false;

  constructor(platform: Platform, options: PatienceOptions) {
    this.#platform = platform;
    this.#options = options;
    this.#untilMono = platform.clock.monoNow() + options.forMs;
  }

  /**
   * Repeats `work` until it succeeds.
   * @param what for people, as `the store of 'orders'`
   * @throws the failure of `work`: at once when an operator has to act, else the last one when the time is over
   */
  async until<T>(what: string, work: () => Promise<T>): Promise<T> {
    const { clock, timers } = this.#platform;
    return this.#reported(what, async (wait) => {
      for (let attempt = 1; ; attempt++) {
        try {
          return await work();
        } catch (error) {
          const leftMs = this.#untilMono - clock.monoNow();
          if (!this.#options.passes(error) || leftMs <= 0) throw error;
          wait.error = error;
          await timers.sleep(Math.min(leftMs, steadyBackoffMs(this.#platform, BACKOFF, attempt)));
        }
      }
    });
  }

  /** Runs `work` once, and reports it when it takes long. @throws the failure of `work` */
  once<T>(what: string, work: () => Promise<T>): Promise<T> {
    return this.#reported(what, work);
  }

  async #reported<T>(what: string, work: (wait: Wait) => Promise<T>): Promise<T> {
    const wait: Wait = { what, error: undefined };
    this.#enter(wait);
    try {
      return await work(wait);
    } finally {
      this.#leave(wait);
    }
  }

  #enter(wait: Wait): void {
    this.#waits.add(wait);
    this.#timer ??= this.#reportIn(FIRST_MS);
  }

  #leave(wait: Wait): void {
    this.#waits.delete(wait);
    if (this.#waits.size > 0) return;
    this.#timer?.cancel();
    this.#timer = undefined;
    if (this.#reportedWait) this.#options.onOver();
    this.#reportedWait = false;
  }

  #reportIn(delayMs: number): Timer {
    return this.#platform.timers.set(delayMs, () => {
      this.#reportedWait = true;
      this.#options.onWait([...this.#waits]);
      this.#timer = this.#reportIn(AGAIN_MS);
    });
  }
}
