import { type Duration, SECOND, Settings } from '../../platform/index.ts';
import type { BreakerSettings } from './breaker.ts';

/** How a service calls another one, as given to `use()` and `external()`. Every field has a default. */
export interface Policy {
  /** How long one call may take, its retries included (default 5s). The deadline of the caller shortens it. */
  readonly timeout?: Duration;
  /** How often a call that is safe to repeat is retried (default and maximum 2), within the retry budget. */
  readonly retries?: number;
  /** How many calls to this dependency may be under way at once (default 100). The same number may wait. */
  readonly bulkhead?: number;
  /** When calls to an operation of this dependency are refused without being tried; `false` always tries. */
  readonly breaker?: BreakerPolicy | false;
}

/** When a breaker opens, and for how long. */
export interface BreakerPolicy {
  /** So many failures in a row open it (default 5). */
  readonly consecutive?: number;
  /** This share of failures opens it (default 0.5) ... */
  readonly failureRate?: number;
  /** ... once there were so many calls (default 20) ... */
  readonly minimumCalls?: number;
  /** ... in this time (default 10s). */
  readonly window?: Duration;
  /** How long it stays open (default 5s, jittered by a fifth). */
  readonly openFor?: Duration;
}

/** A policy with every default filled in. */
export interface CompiledPolicy {
  readonly timeoutMs: number;
  readonly retries: number;
  readonly bulkhead: number;
  readonly breaker: BreakerSettings | false;
}

/** The breaker without options. */
export const DEFAULT_BREAKER: BreakerSettings = {
  consecutive: 5,
  failureRate: 0.5,
  minimumCalls: 20,
  windowMs: 10 * SECOND,
  // A step of a saga has 30 s by default, so several probes fit into it.
  openForMs: 5 * SECOND,
};
/** The policy without options. */
export const DEFAULT_POLICY: CompiledPolicy = { timeoutMs: 5 * SECOND, retries: 2, bulkhead: 100, breaker: DEFAULT_BREAKER };
/** The pause between attempts: full jitter, doubling from the base. */
export const RETRY_BACKOFF = { baseMs: 50, capMs: 2 * SECOND };
/** A call that fails three times would fail a fourth time too. */
const RETRIES_MAX = 2;
/** The maximum number of calls and failures: a larger number is a mistake. */
const COUNT_MAX = 1_000_000;

/** Compiles a policy and fills in the defaults. @returns the policy, and every problem with it */
export function compilePolicy(policy: Policy): { policy: CompiledPolicy; problems: string[] } {
  const settings = new Settings();
  const breaker = (given: BreakerPolicy): BreakerSettings => ({
    consecutive: settings.count('breaker.consecutive', given.consecutive, DEFAULT_BREAKER.consecutive, 1, COUNT_MAX),
    failureRate: settings.share('breaker.failureRate', given.failureRate, DEFAULT_BREAKER.failureRate),
    minimumCalls: settings.count('breaker.minimumCalls', given.minimumCalls, DEFAULT_BREAKER.minimumCalls, 1, COUNT_MAX),
    // A shorter window sees too few calls.
    windowMs: settings.duration('breaker.window', given.window, DEFAULT_BREAKER.windowMs, { least: '1s', most: '1d' }),
    openForMs: settings.duration('breaker.openFor', given.openFor, DEFAULT_BREAKER.openForMs, { least: '1ms', most: '1d' }),
  });
  const compiled: CompiledPolicy = {
    timeoutMs: settings.duration('timeout', policy.timeout, DEFAULT_POLICY.timeoutMs, { least: '1ms' }),
    retries: settings.count('retries', policy.retries, DEFAULT_POLICY.retries, 0, RETRIES_MAX),
    bulkhead: settings.count('bulkhead', policy.bulkhead, DEFAULT_POLICY.bulkhead, 1, COUNT_MAX),
    breaker: policy.breaker === false ? false : breaker(policy.breaker ?? {}),
  };
  return { policy: compiled, problems: settings.problems };
}
