import type { Cancellation } from './call.ts';

/** Cancels work. It aborts its signal if the signal was accessed, and remembers the reason for a later access. */
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

  /** Calls `listener` once on cancellation. Code inside rpc uses this to avoid creating a signal. */
  follow(listener: () => void): void {
    this.#listeners ??= new Set();
    this.#listeners.add(listener);
  }

  unfollow(listener: () => void): void {
    this.#listeners?.delete(listener);
  }
}

/** The cancellation of work that is never cancelled. */
export const NEVER: Cancellation = { signal: new AbortController().signal };
