import { RametError } from '../errors/index.ts';
import { LatencyLimit } from '../load/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import type { Admitted } from './outcome.ts';
import type { CanonicalRequest } from './request.ts';
import type { Route } from './routes.ts';

/**
 * Limits each route by the time that its answers take: where they wait for each other behind the gateway, in a store or in another
 * service, and not in this event loop, fewer at once are answered just as fast.
 */
export class RouteTimes {
  readonly #platform: Platform;
  readonly #limits = new Map<Route, LatencyLimit>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** @throws RametError Overloaded when as many are under way as are answered in time; what `run` throws */
  async timed<T>({ route, request }: Admitted, run: () => Promise<T>): Promise<T> {
    const limit = this.#limitOf(route);
    if (!limit.tryEnter())
      throw new RametError('Overloaded', `as many requests are under way at '${route.pattern}' as it answers in time`, {
        retryAfterMs: SECOND,
      });
    const { clock } = this.#platform;
    const startedMono = clock.monoNow();
    try {
      return await run();
    } finally {
      const nowMono = clock.monoNow();
      limit.leave(told(route, request, nowMono - startedMono), nowMono);
    }
  }

  #limitOf(route: Route): LatencyLimit {
    const known = this.#limits.get(route);
    if (known) return known;
    const limit = new LatencyLimit();
    this.#limits.set(route, limit);
    return limit;
  }
}

/**
 * What the time of a request tells about its route. A stream's first word, and an answer for which the client wants to wait, take what
 * they take; a client that leaves early says nothing, and one that leaves late has waited in vain.
 */
const told = (route: Route, { headers, cancellation }: CanonicalRequest, tookMs: number): number | undefined =>
  route.kind === 'stream' || headers.has('prefer') || (cancellation.cancelled && tookMs < SECOND) ? undefined : tookMs;
