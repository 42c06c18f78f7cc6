import {
  bulkhead,
  ConsecutiveBreaker,
  circuitBreaker,
  ExponentialBackoff,
  handleAll,
  retry,
  TimeoutStrategy,
  timeout,
  wrap,
} from 'cockatiel';
import CircuitBreaker from 'opossum';
import { perCall } from '../core/measure.ts';
import type { Start } from '../core/row.ts';

const nothing = async () => undefined;

/** Closed, it counts failures; open, it refuses for a while: the least that deserves the name. */
function byHand(work: () => Promise<unknown>): () => Promise<unknown> {
  let failures = 0;
  let openUntil = 0;
  return async () => {
    if (failures >= 5 && performance.now() < openUntil) throw new Error('open');
    try {
      const answer = await work();
      failures = 0;
      return answer;
    } catch (error) {
      if (++failures >= 5) openUntil = performance.now() + 30_000;
      throw error;
    }
  };
}

const MAKERS: Readonly<Record<string, () => () => Promise<unknown>>> = {
  hand: () => byHand(nothing),
  'cockatiel-breaker': () => {
    const breaker = circuitBreaker(handleAll, { halfOpenAfter: 30_000, breaker: new ConsecutiveBreaker(5) });
    return () => breaker.execute(nothing);
  },
  'cockatiel-four': () => {
    const four = wrap(
      timeout(5_000, TimeoutStrategy.Aggressive),
      retry(handleAll, { maxAttempts: 2, backoff: new ExponentialBackoff() }),
      circuitBreaker(handleAll, { halfOpenAfter: 30_000, breaker: new ConsecutiveBreaker(5) }),
      bulkhead(100, 100),
    );
    return () => four.execute(nothing);
  },
  opossum: () => {
    const breaker = new CircuitBreaker(nothing, { timeout: 5_000, resetTimeout: 30_000 });
    return () => breaker.fire();
  },
};

const start: Start = async ({ forMs, variant = '' }) => {
  const call = MAKERS[variant]?.();
  if (!call) throw new Error(`there is no '${variant}'`);
  return { round: () => perCall(call, forMs), close: async () => {} };
};
export default start;
