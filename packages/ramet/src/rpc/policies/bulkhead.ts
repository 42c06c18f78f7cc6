import { type Waiting, WaitingLine } from '../../load/index.ts';

/** Limits the calls of one edge (one caller, one target), so that a slow target cannot use up the caller. As many calls as the limit may wait. */
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

  /** Takes a place at once, if one is free, at no cost. */
  tryEnter(): boolean {
    if (this.#busy >= this.#limit) return false;
    this.#busy++;
    return true;
  }

  /** Queues for a place. @returns false when the queue is full */
  wait(waiting: Waiting, nowMono: number): boolean {
    return this.#line.join(waiting, nowMono);
  }

  /** Leaves the queue. @returns false when it was not queued */
  giveUp(waiting: Waiting): boolean {
    return this.#line.giveUp(waiting);
  }

  /** Returns a place. The next call in the queue that still has time takes it. */
  leave(nowMono: number): void {
    if (!this.#line.admitNext(nowMono)) this.#busy--;
  }
}
