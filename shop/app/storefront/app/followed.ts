import { useCallback, useEffect, useState } from 'react';
import type { Entry } from '../model/journey.ts';
import type { Trouble } from '../model/problems.ts';
import { api, follow, isAbort, troubleIn } from './api.ts';

/** A thing with a history that is followed to its end: an order, a return, a pre-order. */
export interface Journey {
  readonly status: string;
  readonly history: readonly Entry[];
}

export interface Followed<T> {
  readonly data: T | undefined;
  readonly trouble: Trouble | undefined;
  /** The stream has broken off, and is tried again. */
  readonly isBehind: boolean;
  readonly reload: () => void;
}

const PAUSES_MS = [500, 1_000, 2_000, 5_000, 15_000];

/**
 * Shows something as it is, then follows its events; when they break off, it looks and follows again until the end.
 * @param path of what is followed; its events are below it
 * @param isSettled whether a status is the last one
 */
export function useFollowed<T extends Journey>(path: string, isSettled: (status: string) => boolean): Followed<T> {
  const [round, setRound] = useState(0);
  const [state, setState] = useState<{ data?: T; trouble?: Trouble; isBehind: boolean }>({ isBehind: false });
  useEffect(() => {
    const controller = new AbortController();
    const { signal } = controller;
    const show = (next: typeof state) => {
      if (!signal.aborted) setState(next);
    };
    void (async () => {
      for (let failures = 0; !signal.aborted; ) {
        let data: T | undefined;
        try {
          data = await api<T>('GET', path, { signal });
          failures = 0;
          show({ data, isBehind: false });
          if (isSettled(data.status)) return;
          const history: Entry[] = [];
          let settled = false;
          for await (const { status, what, at } of follow<Entry & { status: string }>(`${path}/events`, signal)) {
            history.push({ what, at });
            settled = isSettled(status);
            // The stream begins with the history; what we have already is not taken back while it catches up.
            if (history.length > data.history.length) data = { ...data, status, history: [...history] };
            if (!settled) show({ data, isBehind: false });
          }
          // It has ended: the next look shows it settled, with what only settled ones have. Or it broke off.
          if (!settled) failures++;
        } catch (error) {
          if (isAbort(error)) return;
          const trouble = troubleIn(error);
          const passes = trouble.kind === 'offline' || trouble.status >= 500;
          if (!passes || (!data && failures === 0)) return show({ ...(data ? { data } : {}), trouble, isBehind: false });
          failures++;
          setState((last) => ({ ...last, isBehind: true }));
        }
        if (failures > 0) await new Promise((resolve) => setTimeout(resolve, PAUSES_MS[Math.min(failures, PAUSES_MS.length) - 1]));
      }
    })();
    return () => controller.abort();
  }, [path, round]);
  const reload = useCallback(() => {
    setState({ isBehind: false });
    setRound((last) => last + 1);
  }, []);
  return { data: state.data, trouble: state.trouble, isBehind: state.isBehind, reload };
}
