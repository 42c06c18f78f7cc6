import { type Waiting, WaitingLine } from '../../load/index.ts';

/** Limits the calls of one edge (one caller, one target), so that a slow target cannot take everything. As many as the limit may wait. */
export class Bulkhead {
  readonly #limit: number;
  readonly #line: WaitingLine;
  #busy = 0;

  constructor(limit: number) {
    this.#limit = limit;
    this.#line = new WaitingLine(limit);
  }

  get busy(): number {
    return this.#busy;
  }

  get waiting(): number {
    return this.#line.length;
  }

  /** Takes a place at once if there is one: the way that costs nothing. */
  tryEnter(): boolean {
    if (this.#busy >= this.#limit) return false;
    this.#busy++;
    return true;
  }

  /** Waits for a place, when none was free. @returns false when too many wait already */
  wait(waiting: Waiting, nowMono: number): boolean {
    return this.#line.join(waiting, nowMono);
  }

  /** Gives the wait up. @returns false when it did not wait */
  giveUp(waiting: Waiting): boolean {
    return this.#line.giveUp(waiting);
  }

  /** Gives a place back; the next who waits and still can has it. */
  leave(nowMono: number): void {
    if (!this.#line.admitNext(nowMono)) this.#busy--;
  }
}
