import type { Cancellation } from './call.ts';

/** Ends work: aborts its signal if anybody has looked at it, and remembers for those who look later. */
export class Canceller implements Cancellation {
  #controller: AbortController | undefined;
  #reason: unknown;
  #cancelled = false;
  #listeners: Set<() => void> | undefined;

  get signal(): AbortSignal {
    if (!this.#controller) {
      this.#controller = new AbortController();
      if (this.#cancelled) this.#controller.abort(this.#reason);
    }
    return this.#controller.signal;
  }

  get cancelled(): boolean {
    return this.#cancelled;
  }

  cancel(reason: unknown): void {
    if (this.#cancelled) return;
    this.#cancelled = true;
    this.#reason = reason;
    this.#controller?.abort(reason);
    const listeners = this.#listeners;
    this.#listeners = undefined;
    for (const listener of listeners ?? []) listener();
  }

  /** Calls `listener` once when it is cancelled. For who is cancelled with it, and needs no signal for that. */
  follow(listener: () => void): void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  unfollow(listener: () => void): void {
    this.#listeners?.delete(listener);
  }
}

/** Work that nobody cancels. */
export const NEVER: Cancellation = { signal: new AbortController().signal };
