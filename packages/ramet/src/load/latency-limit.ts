import { AdaptiveLimit } from './adaptive-limit.ts';

const LIMIT_MIN = 16;
/** An answer within this is never late. */
const LATE_MS = 500;
/** How many times as long an answer may take as when its call is alone. */
const LATE_FACTOR = 10;
/** With at most so many calls under way, a call is practically alone: its time is the time that it needs. */
const ALONE_MAX = 4;
/** The limit grows by one after so many answers in time, because its effect shows half a second later. */
const GROW_EVERY = 8;
/** How fast the estimate of the time that a call needs follows, down and up. */
const FASTER = 0.3;
const SLOWER = 0.05;

/**
 * Limits one kind of work by its time. If answers take much longer than those of single calls, the calls wait for each other
 * somewhere (a store, another service), and fewer calls at once are answered just as fast.
 */
export class LatencyLimit {
  readonly #limit = new AdaptiveLimit(LIMIT_MIN);
  #under = 0;
  #aloneMs: number | undefined;
  #inTime = 0;

  get value(): number {
    return this.#limit.value;
  }

  /** Whether as many calls are under way as can be answered in time. */
  get isFull(): boolean {
    return this.#under >= this.#limit.value;
  }

  /** Enters a call. @returns false when as many calls are under way as can be answered in time */
  tryEnter(): boolean {
    if (this.isFull) return false;
    this.#under++;
    return true;
  }

  /** Notes the end of a call. @param tookMs undefined if the caller chose the time, or if it says nothing about the load */
  leave(tookMs: number | undefined, nowMono: number): void {
    const under = this.#under--;
    if (tookMs === undefined) return;
    if (this.#aloneMs === undefined) this.#aloneMs = tookMs;
    else if (tookMs < this.#aloneMs) this.#aloneMs += (tookMs - this.#aloneMs) * FASTER;
    else if (under <= ALONE_MAX) this.#aloneMs += (tookMs - this.#aloneMs) * SLOWER;
    const late = tookMs > Math.max(LATE_MS, LATE_FACTOR * this.#aloneMs);
    if (late || ++this.#inTime % GROW_EVERY === 0) this.#limit.settled(late, under, nowMono);
  }
}
