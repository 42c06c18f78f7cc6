import { AdaptiveLimit } from './adaptive-limit.ts';

const LIMIT_MIN = 16;
/** An answer within this is never late. */
const LATE_MS = 500;
/** How many times as long as alone an answer may take. */
const LATE_FACTOR = 10;
/** With so many under way a call is as good as alone: what it takes then is what it needs. */
const ALONE_MAX = 4;
/** The limit grows by one each time that so many answers were in time: what it admits shows half a second later. */
const GROW_EVERY = 8;
/** How fast the knowledge of what a call needs follows, down and up. */
const FASTER = 0.3;
const SLOWER = 0.05;

/**
 * Limits one kind of work by the time that it takes: where answers take much longer than they do alone, calls wait for each other
 * somewhere (a store, another service), and fewer at once are answered just as fast.
 */
export class LatencyLimit {
  readonly #limit = new AdaptiveLimit(LIMIT_MIN);
  #under = 0;
  #aloneMs: number | undefined;
  #inTime = 0;

  get value(): number {
    return this.#limit.value;
  }

  /** Whether as many are under way as can be answered in time. */
  get isFull(): boolean {
    return this.#under >= this.#limit.value;
  }

  /** @returns false when as many as can be answered in time are under way */
  tryEnter(): boolean {
    if (this.isFull) return false;
    this.#under++;
    return true;
  }

  /** @param tookMs undefined where the time was the caller's wish, or says nothing of the load */
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
