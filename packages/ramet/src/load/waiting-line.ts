/** A call or a request that waits for a place. */
export interface Waiting {
  readonly deadlineMono: number;
  /** The place is taken in its name. @returns false when it does not want it any more */
  admit(): boolean;
  /** Its deadline has passed, or its place in the line was needed; it waits no more. */
  expire(): void;
}

/** Where the first has waited for so long it is overload, and not a burst. */
const OVERLOAD_MS = 100;

/**
 * A bounded line. In a burst the first is served first; under overload the last is, because those who have waited long are about to
 * give up (adaptive LIFO: Maurer, "Fail at Scale", ACM Queue 13.8). What is past its deadline is not served.
 */
export class WaitingLine {
  readonly #limit: number;
  #entries: { readonly waiting: Waiting; readonly joinedMono: number }[] = [];
  #earliestMono = Number.POSITIVE_INFINITY;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get length(): number {
    return this.#entries.length;
  }

  /** @returns false when too many wait already */
  join(waiting: Waiting, nowMono: number): boolean {
    if (this.#entries.length >= this.#limit) this.dropExpired(nowMono);
    if (this.#entries.length >= this.#limit) return false;
    this.#add(waiting, nowMono);
    return true;
  }

  /** Joins; the oldest leave until no more than `most` wait: under overload they would be served last. @returns how many left */
  joinForOldest(waiting: Waiting, nowMono: number, most = this.#limit): number {
    this.#add(waiting, nowMono);
    const left = this.#entries.splice(0, Math.max(0, this.#entries.length - most));
    for (const oldest of left) oldest.waiting.expire();
    return left.length;
  }

  /** Gives the wait up. @returns false when it did not wait */
  giveUp(waiting: Waiting): boolean {
    const place = this.#entries.findIndex((entry) => entry.waiting === waiting);
    if (place >= 0) this.#entries.splice(place, 1);
    return place >= 0;
  }

  /** Gives a place to the next that still wants it and whose deadline has not passed. @returns false when there is none */
  admitNext(nowMono: number): boolean {
    this.dropExpired(nowMono);
    return this.admitAny(nowMono);
  }

  /**
   * Gives a place to the next that still wants it, whatever its deadline.
   * @param newestFirst also where the line itself does not show overload
   * @returns false when none does
   */
  admitAny(nowMono: number, newestFirst = false): boolean {
    for (;;) {
      const next = newestFirst || this.#isOverloaded(nowMono) ? this.#entries.pop() : this.#entries.shift();
      if (!next) return false;
      if (next.waiting.admit()) return true;
    }
  }

  /** Timers may be late where the process is busy: nothing is served for which it is too late. @returns how many were dropped */
  dropExpired(nowMono: number): number {
    if (nowMono < this.#earliestMono) return 0;
    const expired = this.#entries.filter(({ waiting }) => waiting.deadlineMono <= nowMono);
    this.#entries = this.#entries.filter(({ waiting }) => waiting.deadlineMono > nowMono);
    this.#earliestMono = this.#entries.reduce(
      (earliest, { waiting }) => Math.min(earliest, waiting.deadlineMono),
      Number.POSITIVE_INFINITY,
    );
    for (const { waiting } of expired) waiting.expire();
    return expired.length;
  }

  #isOverloaded(nowMono: number): boolean {
    const [first] = this.#entries;
    return first !== undefined && nowMono - first.joinedMono > OVERLOAD_MS;
  }

  #add(waiting: Waiting, nowMono: number): void {
    this.#entries.push({ waiting, joinedMono: nowMono });
    this.#earliestMono = Math.min(this.#earliestMono, waiting.deadlineMono);
  }
}
