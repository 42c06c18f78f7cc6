import { RametError } from '../../errors/index.ts';
import { type Platform, plainKey, SECOND } from '../../platform/index.ts';
import { Canceller, type ClientFactory, type Uses } from '../../rpc/index.ts';
import type { EventLog, Metrics } from '../../telemetry/index.ts';
import type { EffectContext } from '../contexts.ts';
import type { EffectRow } from '../fences/effect-rows.ts';
import { failures, handlerLog } from '../unit-of-work.ts';
import type { CompiledEffect } from './compiled-effect.ts';

/** What an effect needs outside its transactions. */
export interface OutsideEnvironment {
  readonly platform: Platform;
  readonly log: EventLog;
  readonly metrics: Metrics;
  readonly externals: ClientFactory;
}

/** After this time the outcome of a `perform` counts as unknown. */
export const PERFORM_TIMEOUT_MS = 15 * SECOND;

/**
 * Runs what an effect does outside any transaction, under a time limit.
 * @param attempt which attempt of this effect it is, from 1
 */
export function outside(
  { platform, externals, log, metrics }: OutsideEnvironment,
  row: EffectRow,
  compiled: CompiledEffect,
  attempt: number,
  work: (request: unknown, context: EffectContext<any, any>) => Promise<unknown>,
): Promise<unknown> {
  const canceller = new Canceller();
  const context: EffectContext<Uses, any> = {
    key: plainKey(row.key, platform.crypto.sha256),
    crypto: platform.crypto,
    metrics,
    log: handlerLog(log, row.origin.trace),
    caller: row.origin.caller,
    now: () => new Date(platform.clock.wallNow()),
    fail: failures(compiled.compiled),
    use: externals({
      // Only the effect runner repeats what fails.
      meta: { caller: row.origin.caller, trace: row.origin.trace, depth: 0, attempt, noRetry: true },
      remainingMs: () => PERFORM_TIMEOUT_MS,
      get signal() {
        return canceller.signal;
      },
      cancellation: canceller,
    }),
    get signal() {
      return canceller.signal;
    },
  };
  return new Promise((resolve, reject) => {
    const timer = platform.timers.set(PERFORM_TIMEOUT_MS, () => {
      const late = new RametError('DeadlineExceeded', `${compiled.compiled.fullName} did not answer in ${PERFORM_TIMEOUT_MS / SECOND} s`);
      canceller.cancel(late);
      reject(late);
    });
    Promise.resolve()
      .then(() => work(row.request, context))
      .then(resolve, reject)
      .finally(() => timer.cancel());
  });
}
