import type { BreakerState } from './policies/breaker.ts';

/**
 * Sees what the policies of calls do: for metrics, for the log, and for invariants of the simulator. Edges are named
 * `caller->target`. Called synchronously on the way of a call: it must be quick, and must not throw.
 */
export interface CallWatcher {
  /** A call leaves for its target; `attempt` counts from 1. What was refused before is no attempt. */
  attempt?(edge: string, target: string, operation: string, attempt: number): void;
  /** A breaker changed its state. The one of an instance is called `instance <key>` instead of an operation. */
  breaker?(edge: string, operation: string, from: BreakerState, to: BreakerState): void;
  /** A probe of a half-open breaker goes out; with it so many are under way. */
  probe?(edge: string, operation: string, inFlight: number): void;
  /** A retry was not made because the budget had no token. */
  budgetEmpty?(edge: string): void;
  /** A call was dropped from the queue of the bulkhead because its deadline had passed. */
  expiredInQueue?(edge: string): void;
  /** So many calls wait for a place now. */
  queued?(edge: string, waiting: number): void;
  /** A call was refused on this side: `CircuitOpen` or `BulkheadFull`. */
  rejected?(edge: string, operation: string, code: string): void;
  /** A call answered with its fallback instead of a fault. */
  fallback?(edge: string, operation: string, code: string): void;
  /** A call failed whose promise no code awaits. */
  unawaited?(edge: string, operation: string, error: unknown): void;
}

/** Shows the same to several. */
export function watchAll(...watchers: readonly CallWatcher[]): CallWatcher {
  const all: { -readonly [K in keyof CallWatcher]: (...told: never[]) => void } = {};
  for (const name of [
    'attempt',
    'breaker',
    'probe',
    'budgetEmpty',
    'expiredInQueue',
    'queued',
    'rejected',
    'fallback',
    'unawaited',
  ] as const) {
    const those = watchers.filter((watcher) => watcher[name]);
    // What nobody looks at costs a call nothing.
    if (those.length > 0)
      all[name] = (...told) => {
        for (const watcher of those) (watcher[name] as (...all: never[]) => void)(...told);
      };
  }
  return all as CallWatcher;
}
