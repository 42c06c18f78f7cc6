/** A call or a request that waits for a place. */
export interface Waiting {
  readonly deadlineMono: number;
  /** Takes the place. @returns false when it is no longer needed */
  admit(): boolean;
  /** Called when it leaves the line, because its deadline has passed or others need the room. */
  expire(): void;
}

/** If the first in the line has waited for so long, it is an overload and not a burst. */
const OVERLOAD_MS = 100;

/**
 * A bounded waiting line. In a burst the first is served first. Under overload the last is served first, because those that have waited
 * long are about to give up (adaptive LIFO: Maurer, "Fail at Scale", ACM Queue 13.8). Those past their deadline are not served.
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

  /** Joins the line. @returns false when the line is full */
  join(waiting: Waiting, nowMono: number): boolean {
    if (this.#entries.length >= this.#limit) this.dropExpired(nowMono);
    if (this.#entries.length >= this.#limit) return false;
    this.#add(waiting, nowMono);
    return true;
  }

  /** Joins the line. The oldest leave until no more than `most` wait: under overload they would be served last. @returns how many left */
  joinForOldest(waiting: Waiting, nowMono: number, most = this.#limit): number {
    this.#add(waiting, nowMono);
    const left = this.#entries.splice(0, Math.max(0, this.#entries.length - most));
    for (const oldest of left) oldest.waiting.expire();
    return left.length;
  }

  /** Leaves the line. @returns false when it was not in the line */
  giveUp(waiting: Waiting): boolean {
    const place = this.#entries.findIndex((entry) => entry.waiting === waiting);
    if (place >= 0) this.#entries.splice(place, 1);
    return place >= 0;
  }

  /** Gives a place to the next one that still needs it and whose deadline has not passed. @returns false when there is none */
  admitNext(nowMono: number): boolean {
    this.dropExpired(nowMono);
    return this.admitAny(nowMono);
  }

  /**
   * Gives a place to the next one that still needs it, whatever its deadline.
   * @param newestFirst serves the newest first even if the line itself shows no overload
   * @returns false when there is none
   */
  admitAny(nowMono: number, newestFirst = false): boolean {
    for (;;) {
      const next = newestFirst || this.#isOverloaded(nowMono) ? this.#entries.pop() : this.#entries.shift();
      if (!next) return false;
      if (next.waiting.admit()) return true;
    }
  }

  /** Drops those past their deadline, because timers may be late in a busy process. @returns how many were dropped */
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
