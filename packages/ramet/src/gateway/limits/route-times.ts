import { RametError } from '../../errors/index.ts';
import { LatencyLimit } from '../../load/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import type { Admitted } from '../outcome.ts';
import type { GatewayResponse } from '../response.ts';
import type { GatewayRoute } from '../routes.ts';

/**
 * Limits each route by the time that its answers take: where they wait for each other behind the gateway, in a store or in another
 * service, fewer of them at once are answered just as fast. A failure that comes soon, and a client that leaves soon,
 * do not measure that time: compared with them every answer would be late. If either comes late, it counts.
 */
export class RouteTimes {
  readonly #platform: Platform;
  readonly #limits = new Map<GatewayRoute, LatencyLimit>();

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /**
   * Refuses a request for which the route has no place now, before its body is read. The request takes its place after the body has
   * arrived: a client that sends slowly must not hold one meanwhile.
   * @throws RametError Overloaded
   */
  expectRoom(route: GatewayRoute): void {
    if (this.#limitOf(route).isFull) throw overloaded(route);
  }

  /** Runs a request in a place of its route. @throws RametError Overloaded when the route has none; what `run` throws */
  async timed({ route, request }: Admitted, run: () => Promise<GatewayResponse>): Promise<GatewayResponse> {
    const limit = this.#limitOf(route);
    if (!limit.tryEnter()) throw overloaded(route);
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
      const measures = !isTimedByClient(route, request.headers) && !((failed || request.cancellation.cancelled) && tookMs < SECOND);
      limit.leave(measures ? tookMs : undefined, nowMono);
    }
  }

  #limitOf(route: GatewayRoute): LatencyLimit {
    const existing = this.#limits.get(route);
    if (existing) return existing;
    const limit = new LatencyLimit();
    this.#limits.set(route, limit);
    return limit;
  }
}

const overloaded = ({ pattern }: GatewayRoute): RametError =>
  new RametError('Overloaded', `'${pattern}' has as many requests under way as it can answer in time`, { retryAfterMs: SECOND });

/** The first event of a stream, and an answer for which the client wants to wait, take as long as the client lets them. */
const isTimedByClient = (route: GatewayRoute, headers: ReadonlyMap<string, string>): boolean =>
  route.kind === 'stream' || headers.has('prefer');
