import type { Platform, Timer } from '../../platform/index.ts';

/** What ends at a moment, unless it is removed before. */
export interface Deadline {
  readonly deadlineMono: number;
  /** Its place in the list; the list's own. */
  place: number;
  expire(): void;
}

/** The timer looks again after this at the latest, so that one which nobody needs any more is gone soon. */
const LOOK_MS = 250;

/**
 * The deadlines of all calls of one caller under one timer: a timer of its own would cost each call more than all the rest of
 * its policies. Adding and removing change an array; what has expired is found by whoever the timer wakes.
 */
export class Deadlines {
  readonly #platform: Platform;
  readonly #list: Deadline[] = [];
  #timer: Timer | undefined;
  #wakesMono = Number.POSITIVE_INFINITY;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  add(deadline: Deadline, nowMono: number): void {
    deadline.place = this.#list.push(deadline) - 1;
    if (!this.#timer || deadline.deadlineMono < this.#wakesMono) this.#wakeAt(deadline.deadlineMono, nowMono);
  }

  remove(deadline: Deadline): void {
    const { place } = deadline;
    if (place < 0) return;
    deadline.place = -1;
    const last = this.#list.pop() as Deadline;
    if (last === deadline) return;
    this.#list[place] = last;
    last.place = place;
  }

  #wakeAt(mono: number, nowMono: number): void {
    this.#timer?.cancel();
    const waitMs = Math.max(0, Math.min(mono - nowMono, LOOK_MS));
    this.#wakesMono = nowMono + waitMs;
    this.#timer = this.#platform.timers.set(waitMs, () => this.#look());
  }

  #look(): void {
    this.#timer = undefined;
    const nowMono = this.#platform.clock.monoNow();
    const expired = this.#list.filter(({ deadlineMono }) => deadlineMono <= nowMono);
    // In the order in which they passed, not in that of the list, which removing disturbs.
    expired.sort((a, b) => a.deadlineMono - b.deadlineMono);
    for (const deadline of expired) this.remove(deadline);
    let nextMono = Number.POSITIVE_INFINITY;
    for (const { deadlineMono } of this.#list) if (deadlineMono < nextMono) nextMono = deadlineMono;
    if (this.#list.length > 0) this.#wakeAt(nextMono, nowMono);
    for (const deadline of expired) deadline.expire();
  }
}
