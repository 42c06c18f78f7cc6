/** A loop without a pause for so long is overloaded, and not only in a burst. */
const SATURATED_MS = 250;
/** A single long turn is a pause, such as a garbage collection. */
const SATURATED_TURNS = 4;
/** What was measured before a pause is forgotten. */
const CALM_MS = 20;
const WINDOW_MS = 100;
/** How much longer a request may be under way in a saturated loop than in a calm one. */
const MORE_MS = 25;
const SMOOTHING = 0.02;
/** A request that takes longer waits for something outside this process. */
const LONG_MS = 1_000;

/**
 * Finds how many requests a loop without a pause can have under way so that each ends soon: as many as it ends in the time of one
 * request in a calm loop, plus a margin (Little's law). More of them would end no faster, and each would take longer.
 */
export class Saturation {
  #busyMono: number | undefined;
  #turns = 0;
  #windowMono = 0;
  #ended = 0;
  #calmMs = 0;
  #inTime: number | undefined;

  /** Whether the loop has been without a pause for long. */
  at(nowMono: number): boolean {
    return this.#busyMono !== undefined && this.#turns >= SATURATED_TURNS && nowMono - this.#busyMono > SATURATED_MS;
  }

  /** Notes the end of a request that was under way for `tookMs`. */
  ended(tookMs: number, nowMono: number): void {
    this.#ended++;
    const isCalm = this.#busyMono === undefined || nowMono - this.#busyMono < CALM_MS;
    if (isCalm && tookMs < LONG_MS) this.#calmMs += (tookMs - this.#calmMs) * SMOOTHING;
  }

  /** Notes the end of a turn. @returns how many requests may be under way, if the loop is saturated */
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
