import type { Platform, Timer } from '../../platform/index.ts';

/** Work that expires at a point in time, unless it is removed before. */
export interface Deadline {
  readonly deadlineMono: number;
  /** The index in the list. Only the list changes it. */
  place: number;
  expire(): void;
}

/** The timer fires after this at the latest, so that a timer that is no longer needed ends soon. */
const LOOK_MS = 250;

/**
 * Keeps the deadlines of all calls of one caller under one timer: a timer per call would cost more than all its other policies.
 * Adding and removing change an array. When the timer fires, the list is searched for expired work.
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
    // In the order of their deadlines: removing entries disturbs the order of the list.
    expired.sort((a, b) => a.deadlineMono - b.deadlineMono);
    for (const deadline of expired) this.remove(deadline);
    let nextMono = Number.POSITIVE_INFINITY;
    for (const { deadlineMono } of this.#list) if (deadlineMono < nextMono) nextMono = deadlineMono;
    if (this.#list.length > 0) this.#wakeAt(nextMono, nowMono);
    for (const deadline of expired) deadline.expire();
  }
}
