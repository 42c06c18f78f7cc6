import { type Backoff, MINUTE, type Platform } from '../platform/index.ts';

/*
 * One rule for all work that a crash may interrupt: due work, schedules, effects, calls that are started again, and sagas.
 *
 * 1. An attempt is counted before it begins. An attempt that began and never ended was ended by a crash.
 * 2. Everything that was under way during a crash is a suspect. Suspects start one at a time, and the later after the start of
 *    their process the more crashes they have seen. So the work that crashes the process is found among the work beside it, and
 *    whatever crashes a process at its start is not mistaken for work that merely starts with it.
 * 3. After STARTS_MAX crashes in a row the work is given up, and waits for an operator. An attempt that ends resets the count.
 */

/** How often work may crash its process before it is given up. */
export const STARTS_MAX = 8;

const CRASH_BACKOFF: Backoff = { baseMs: 250, capMs: MINUTE };

/** What a crash means for the work during which it happened. */
export interface CrashCount {
  readonly crashes: number;
  /** Whether the work is given up. */
  readonly givenUp: boolean;
  /** How long to wait before the next attempt. */
  readonly waitMs: number;
}

/** Counts one more crash. @param before the crashes in a row before it */
export function countCrash(before: number): CrashCount {
  const crashes = before + 1;
  return { crashes, givenUp: isGivenUp(crashes), waitMs: suspectWaitMs(crashes) };
}

/** Says whether work with so many crashes in a row is given up. @param more how many more crashes this work is allowed */
export const isGivenUp = (crashes: number, more = 0): boolean => crashes >= STARTS_MAX + more;

/** A first crash says little, so the work starts again at once; after that it waits longer each time. */
const suspectWaitMs = (crashes: number): number =>
  crashes < 2 ? 0 : Math.min(CRASH_BACKOFF.capMs, CRASH_BACKOFF.baseMs * 2 ** (crashes - 2));

/** Remembers attempts that ended while the store could not be written. Without it their open lease would count as a crash. */
export class EndedAttempts {
  readonly #ended = new Map<string, number>();

  ended(id: string, attempt: number): void {
    this.#ended.set(id, attempt);
  }

  forget(id: string): void {
    this.#ended.delete(id);
  }

  /** Says whether an attempt began and never ended: its process crashed. @param leaseUntil set while an attempt is under way, otherwise 0 */
  isCrash(id: string, attempt: number, leaseUntil: number): boolean {
    return leaseUntil > 0 && this.#ended.get(id) !== attempt;
  }
}

/** Puts the suspects of a process in order. */
export class Suspects {
  readonly #platform: Platform;
  readonly #beganMono: number;
  #tail: Promise<void> = Promise.resolve();

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#beganMono = platform.clock.monoNow();
  }

  /** Returns how many milliseconds too early it is to start work that has seen so many crashes. */
  earlyMs(crashes: number): number {
    return Math.max(0, suspectWaitMs(crashes) - (this.#platform.clock.monoNow() - this.#beganMono));
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
