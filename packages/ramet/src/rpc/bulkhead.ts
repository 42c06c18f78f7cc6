/** Who waits for a place. */
export interface Waiting {
  readonly deadlineMono: number;
  /** The place is taken in its name. @returns false when it does not want it any more */
  admit(): boolean;
  /** Its deadline has passed; it waits no more. */
  expire(): void;
}

/** A queue that has not been empty for so long is no burst but overload. */
const OVERLOAD_MS = 100;

/**
 * Limits the calls of one edge (one caller, one target), so that a slow target cannot take everything. As many as the limit
 * may wait. In a burst the first is served first; under overload the last is, because those who have waited long are about to
 * give up (Facebook's adaptive LIFO: Maurer, "Fail at Scale", ACM Queue 13.8). Whoever is past its deadline is not served.
 */
export class Bulkhead {
  readonly #limit: number;
  readonly #waiting: Waiting[] = [];
  #busy = 0;
  #waitingSinceMono = 0;

  constructor(limit: number) {
    this.#limit = limit;
  }

  get busy(): number {
    return this.#busy;
  }

  get waiting(): number {
    return this.#waiting.length;
  }

  /** Takes a place at once if there is one: the way that costs nothing. */
  tryEnter(): boolean {
    if (this.#busy >= this.#limit) return false;
    this.#busy++;
    return true;
  }

  /** Waits for a place, when none was free. @returns false when too many wait already */
  wait(waiting: Waiting, nowMono: number): boolean {
    if (this.#waiting.length >= this.#limit) this.#dropExpired(nowMono);
    if (this.#waiting.length >= this.#limit) return false;
    if (this.#waiting.length === 0) this.#waitingSinceMono = nowMono;
    this.#waiting.push(waiting);
    return true;
  }

  /** Gives the wait up. @returns false when it did not wait */
  giveUp(waiting: Waiting): boolean {
    const place = this.#waiting.indexOf(waiting);
    if (place >= 0) this.#waiting.splice(place, 1);
    return place >= 0;
  }

  /** Gives a place back; the next who waits and still can has it. */
  leave(nowMono: number): void {
    if (this.#waiting.length > 0) this.#dropExpired(nowMono);
    const overloaded = nowMono - this.#waitingSinceMono > OVERLOAD_MS;
    for (;;) {
      const next = overloaded ? this.#waiting.pop() : this.#waiting.shift();
      if (next?.admit()) return;
      if (!next) break;
    }
    this.#busy--;
  }

  /** Timers may be late where the process is busy: nobody is served for whom it is too late. */
  #dropExpired(nowMono: number): void {
    const expired = this.#waiting.filter(({ deadlineMono }) => deadlineMono <= nowMono);
    if (expired.length === 0) return;
    const left = this.#waiting.filter(({ deadlineMono }) => deadlineMono > nowMono);
    this.#waiting.splice(0, this.#waiting.length, ...left);
    for (const waiting of expired) waiting.expire();
  }
}
