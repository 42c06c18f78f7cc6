import { RametError } from '../../errors/index.ts';
import { LatencyLimit } from '../../load/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import type { Admitted } from '../outcome.ts';
import type { GatewayResponse } from '../request.ts';
import type { Route } from '../routes.ts';

/**
 * Limits each route by the time that its answers take: where they wait for each other behind the gateway, in a store or in another
 * service, and not in this event loop, fewer at once are answered just as fast. A failure that comes soon, and a client that leaves soon,
 * say nothing of that time: compared with them every answer would be late. If either comes late, it counts.
 */
export class RouteTimes {
  readonly #platform: Platform;
  readonly #limits = new Map<Route, LatencyLimit>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** @throws RametError Overloaded when as many are under way as are answered in time; what `run` throws */
  async timed({ route, request }: Admitted, run: () => Promise<GatewayResponse>): Promise<GatewayResponse> {
    const limit = this.#limitOf(route);
    if (!limit.tryEnter())
      throw new RametError('Overloaded', `as many requests are under way at '${route.pattern}' as it answers in time`, {
        retryAfterMs: SECOND,
      });
    const { clock } = this.#platform;
    const startedMono = clock.monoNow();
    let failed = true;
    try {
      const response = await run();
      failed = response.status >= 400;
      return response;
    } finally {
      const nowMono = clock.monoNow();
      const tookMs = nowMono - startedMono;
      const says = !isTimedByClient(route, request.headers) && !((failed || request.cancellation.cancelled) && tookMs < SECOND);
      limit.leave(says ? tookMs : undefined, nowMono);
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

/** The first event of a stream, and an answer for which the client wants to wait, take what they take. */
const isTimedByClient = (route: Route, headers: ReadonlyMap<string, string>): boolean => route.kind === 'stream' || headers.has('prefer');
