import type { BusEnvironment } from '../bus/index.ts';
import { isOutage } from '../errors/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import type { EventLog } from '../telemetry/index.ts';

/** How long one who waits for a store or broker that is away does not tell of it again. */
const QUIET_MS = 10 * SECOND;

/**
 * Tells of what a bus fails at. A store or broker that is away comes back, and health tells of it: each group and each relay
 * warns of that now and then, however many partitions wait. Everything else is somebody's mistake, and each is told.
 */
export function busErrors({ clock }: Platform, log: EventLog): BusEnvironment['onError'] {
  const toldMono = new Map<string, number>();
  return (error, where) => {
    if (!isOutage(error)) return log.event('bus_failed', { err: error, ...where });
    const { group, source } = where as { group?: string; source?: string };
    const whose = group ?? `relay of ${source ?? 'all'}`;
    const nowMono = clock.monoNow();
    if (nowMono - (toldMono.get(whose) ?? Number.NEGATIVE_INFINITY) < QUIET_MS) return;
    toldMono.set(whose, nowMono);
    log.event('bus_unavailable', { err: error, ...where });
  };
}
