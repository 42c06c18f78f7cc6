import type { BusEnvironment } from '../bus/index.ts';
import { isOutage } from '../errors/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import type { EventLog } from '../telemetry/index.ts';

/** How long a group or relay that waits for an unavailable store or broker stays silent about it. */
const QUIET_MS = 10 * SECOND;

/**
 * Reports the failures of a bus. An unavailable store or broker comes back, and health reports it: each group and each relay warns
 * at most once in 10 s, however many partitions wait. Every other failure is a mistake in code or configuration and is always logged.
 */
export function busErrors({ clock }: Platform, log: EventLog): BusEnvironment['onError'] {
  const warnedMono = new Map<string, number>();
  return (error, where) => {
    if (!isOutage(error)) return log.event('bus_failed', { err: error, ...where });
    const { group, source } = where as { group?: string; source?: string };
    const whose = group ?? `relay of ${source ?? 'all'}`;
    const nowMono = clock.monoNow();
    if (nowMono - (warnedMono.get(whose) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    warnedMono.set(whose, nowMono);
    log.event('bus_unavailable', { err: error, ...where });
  };
}
