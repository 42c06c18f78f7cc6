import type { Cancellation } from './call.ts';

/** Ends work: aborts its signal if anybody has looked at it, and remembers for those who look later. */
export class Canceller implements Cancellation {
  #controller: AbortController | undefined;
  #reason: unknown;
  #cancelled = false;

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
  }
}

/** Work that nobody cancels. */
export const NEVER: Cancellation = { signal: new AbortController().signal };
