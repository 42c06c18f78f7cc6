import type { Platform } from '../../platform/index.ts';
import type { Fault } from '../../rpc/index.ts';

/**
 * The door of a service: counts the calls inside, and refuses new ones while it is closed. It outlives the starts of the service,
 * so that a stop also waits for calls that an earlier start let in.
 */
export class Door {
  /** Answers a call that comes while the door is closed; undefined for the default answer. */
  readonly refusal: (() => Fault) | undefined;
  #inside = 0;
  #closed = false;
  #onEmpty: (() => void) | undefined;

  constructor(refusal?: () => Fault) {
    this.refusal = refusal;
  }

  /** How many calls are inside. */
  get inside(): number {
    return this.#inside;
  }

  /** Lets a call in, which must call {@link leave} when it ends. @returns false while the door is closed */
  enter(): boolean {
    if (this.#closed) return false;
    this.#inside++;
    return true;
  }

  leave(): void {
    this.#inside--;
    if (this.#inside === 0) this.#onEmpty?.();
  }

  open(): void {
    this.#closed = false;
  }

  /** Refuses calls from now on, and waits for none. */
  shut(): void {
    this.#closed = true;
  }

  /** Refuses calls from now on. @returns whether all calls inside have left within `forMs` */
  async close({ timers }: Platform, forMs: number): Promise<boolean> {
    this.shut();
    if (this.#inside === 0) return true;
    await new Promise<void>((resolve) => {
      const timer = timers.set(forMs, resolve);
      this.#onEmpty = () => {
        timer.cancel();
        resolve();
      };
    });
    this.#onEmpty = undefined;
    return this.#inside === 0;
  }
}
