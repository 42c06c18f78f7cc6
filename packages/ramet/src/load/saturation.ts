/** A loop without a pause for so long has more to do than it can, and not only a burst. */
const SATURATED_MS = 250;
/** One long turn is a single pause, such as a collection of garbage. */
const SATURATED_TURNS = 4;
/** What is known of a pause says nothing about the time before it. */
const CALM_MS = 20;
const WINDOW_MS = 100;
/** How much longer than in a calm loop a request may be under way in a saturated one. */
const MORE_MS = 25;
const SMOOTHING = 0.02;
/** What takes longer waits for something else than this process. */
const LONG_MS = 1_000;

/**
 * Finds out how many requests a loop without a pause can have under way such that each ends soon: as many as it ends in the time that
 * one takes in a calm loop and a bit (Little's law). With more of them nothing is done faster, and each takes longer.
 */
export class Saturation {
  #busyMono: number | undefined;
  #turns = 0;
  #windowMono = 0;
  #ended = 0;
  #calmMs = 0;
  #inTime: number | undefined;

  /** Whether the loop has had no pause for long. */
  at(nowMono: number): boolean {
    return this.#busyMono !== undefined && this.#turns >= SATURATED_TURNS && nowMono - this.#busyMono > SATURATED_MS;
  }

  /** A request has ended that was under way for `tookMs`. */
  ended(tookMs: number, nowMono: number): void {
    this.#ended++;
    const isCalm = this.#busyMono === undefined || nowMono - this.#busyMono < CALM_MS;
    if (isCalm && tookMs < LONG_MS) this.#calmMs += (tookMs - this.#calmMs) * SMOOTHING;
  }

  /** A turn of the loop has ended. @returns how many may be under way, where the loop is saturated */
  learned(turnMs: number, nowMono: number): number | undefined {
    if (this.#busyMono === undefined) {
      this.#busyMono = nowMono - turnMs;
      this.#windowMono = this.#busyMono;
      this.#turns = 0;
      this.#ended = 0;
      this.#inTime = undefined;
    }
    this.#turns++;
    const windowMs = nowMono - this.#windowMono;
    if (windowMs >= WINDOW_MS) {
      this.#inTime = (this.#ended / windowMs) * (this.#calmMs + MORE_MS);
      this.#windowMono = nowMono;
      this.#ended = 0;
    }
    return this.at(nowMono) ? this.#inTime : undefined;
  }

  paused(): void {
    this.#busyMono = undefined;
  }
}
