import { whenUnawaited } from '../errors/index.ts';
import { type Platform, Wakeable } from '../platform/index.ts';
import type { Changes } from './contexts.ts';

/** How long until a reader looks again without a notification, because another process may have committed. */
const NET_MS = 1_000;

/** A key that a reader follows until it leaves. */
export interface Following extends Changes {
  leave(): void;
}

/** Notifies waiting queries and streams of commits, by the key of their events. */
export class ChangeHub {
  readonly #platform: Platform;
  readonly #waiting = new Map<string, Set<() => void>>();
  #ended = false;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  notify(keys: readonly string[]): void {
    for (const key of keys) for (const wake of [...(this.#waiting.get(key) ?? [])]) wake();
  }

  /** Ends every wait, because the process is about to stop. */
  end(): void {
    this.#ended = true;
    for (const waiters of this.#waiting.values()) for (const wake of [...waiters]) wake();
  }

  /** Follows one key until `leave` or the signal. */
  follow(key: string, end: AbortSignal): Following {
    const change = new Wakeable(this.#platform);
    const onChange = () => change.wake();
    const waiters = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiters.add(onChange));
    const leave = () => {
      waiters.delete(onChange);
      if (waiters.size === 0 && this.#waiting.get(key) === waiters) this.#waiting.delete(key);
      end.removeEventListener('abort', leave);
      change.wake();
    };
    if (end.aborted) leave();
    else end.addEventListener('abort', leave, { once: true });
    return {
      leave,
      next: async () => {
        if (!end.aborted && !this.#ended) await change.sleep(NET_MS);
        change.reset();
        // The caller has disconnected.
        if (end.aborted) throw whenUnawaited(end.reason, () => {});
        return !this.#ended;
      },
    };
  }
}
