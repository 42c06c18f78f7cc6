import { useCallback, useEffect, useState } from 'react';
import type { Trouble } from '../model/problems.ts';
import { isAbort, troubleIn } from './api.ts';

export interface Resource<T> {
  readonly data: T | undefined;
  readonly trouble: Trouble | undefined;
  /** Asks again. */
  readonly reload: () => void;
}

const KEPT_MS = 60_000;
const KEPT_MOST = 200;
const kept = new Map<string, { readonly at: number; readonly data: unknown }>();

/** What was loaded less than a minute ago: going back shows it at once, and costs none of the shop's limit. */
export function recent<T>(key: string): T | undefined {
  const entry = kept.get(key);
  return entry && Date.now() - entry.at < KEPT_MS ? (entry.data as T) : undefined;
}

export function remember(key: string, data: unknown): void {
  kept.delete(key);
  kept.set(key, { at: Date.now(), data });
  for (const oldest of kept.keys()) if (kept.size > KEPT_MOST) kept.delete(oldest);
}

/** After signing out nothing of the account is left to go back to. */
export const forgetAll = (): void => kept.clear();

/**
 * Loads something for a page, and lets go of it when the page does.
 * @param key of what is loaded; another key loads again
 * @param keep whether the same may be shown again for a minute
 */
export function useResource<T>(
  key: string,
  load: (signal: AbortSignal) => Promise<T>,
  { keep = false }: { keep?: boolean } = {},
): Resource<T> {
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ key: string; data?: T; trouble?: Trouble }>({ key: '' });
  // `load` is not followed: the key stands for all that it closes over.
  useEffect(() => {
    if (keep && recent<T>(key) !== undefined) return;
    const controller = new AbortController();
    load(controller.signal).then(
      (data) => {
        if (controller.signal.aborted) return;
        if (keep) remember(key, data);
        setState({ key, data });
      },
      (error: unknown) => {
        if (!isAbort(error) && !controller.signal.aborted) setState({ key, trouble: troubleIn(error) });
      },
    );
    return () => controller.abort();
  }, [key, round]);
  const reload = useCallback(() => {
    setState({ key: '' });
    setRound((last) => last + 1);
  }, []);
  const own = state.key === key ? state : undefined;
  return { data: own?.data ?? (keep ? recent<T>(key) : undefined), trouble: own?.trouble, reload };
}
