import { whenUnawaited } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { Changes } from './contexts.ts';

/** The net under a hint that was lost, because another process committed. */
const NET_MS = 1_000;

/** What a reader follows, until it leaves. */
export interface Following extends Changes {
  leave(): void;
}

/** Tells waiting queries and streams of commits, by the key of their events. */
export class ChangeHub {
  readonly #platform: Platform;
  readonly #waiting = new Map<string, Set<() => void>>();
  #ended = false;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  tell(keys: readonly string[]): void {
    for (const key of keys) for (const wake of [...(this.#waiting.get(key) ?? [])]) wake();
  }

  /** Ends every wait: the process is about to stop. */
  end(): void {
    this.#ended = true;
    for (const waiters of this.#waiting.values()) for (const wake of [...waiters]) wake();
  }

  /** Follows one key until `leave` or the signal. */
  follow(key: string, end: AbortSignal): Following {
    let changed = false;
    let wake: (() => void) | undefined;
    const told = () => {
      changed = true;
      wake?.();
    };
    const waiters = this.#waiting.get(key) ?? new Set();
    this.#waiting.set(key, waiters.add(told));
    const leave = () => {
      waiters.delete(told);
      if (waiters.size === 0 && this.#waiting.get(key) === waiters) this.#waiting.delete(key);
      end.removeEventListener('abort', leave);
      wake?.();
    };
    if (end.aborted) leave();
    else end.addEventListener('abort', leave, { once: true });
    return {
      leave,
      next: async () => {
        if (!changed && !end.aborted && !this.#ended) {
          await new Promise<void>((resolve) => {
            const timer = this.#platform.timers.set(NET_MS, resolve);
            wake = () => {
              timer.cancel();
              resolve();
            };
          });
          wake = undefined;
        }
        changed = false;
        // A caller that has gone is not waited for.
        if (end.aborted) throw whenUnawaited(end.reason, () => {});
        return !this.#ended;
      },
    };
  }
}
