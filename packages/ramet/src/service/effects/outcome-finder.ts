import { SECOND, steadyBackoffMs } from '../../platform/index.ts';
import type { Store } from '../../store/index.ts';
import { type EffectRow, keepEffect } from '../fences/effect-rows.ts';
import type { CompiledEffect } from './compiled-effect.ts';
import { type EffectRun, type Known, outcomeOf } from './effect-run.ts';
import { type OutsideEnvironment, outside, PERFORM_TIMEOUT_MS } from './outside.ts';

/** Pauses between attempts and between look-ups of one effect. */
export const BACKOFF = { baseMs: 200, capMs: 10 * SECOND };
/** Look-ups that fail until the outcome counts as in doubt: about a minute. */
export const LOOKUPS_MAX = 10;
/** How often the lease of a waiting effect is renewed. */
const KEEP_MS = 5 * SECOND;

/** Finds out what the other system did with the attempts of an effect. */
export class OutcomeFinder {
  readonly #environment: OutsideEnvironment & { readonly store: Store };
  readonly #stopped: AbortSignal;

  constructor(environment: OutsideEnvironment & { readonly store: Store }, stopped: AbortSignal) {
    this.#environment = environment;
    this.#stopped = stopped;
  }

  /** Looks once. @returns undefined where the effect has no `lookup`, the look-up failed, or the other system does not know the key */
  async look(row: EffectRow, compiled: CompiledEffect): Promise<Known | undefined> {
    if (!compiled.effect.lookup) return undefined;
    const found = await this.#lookUp(row, compiled);
    return 'known' in found ? found.known : undefined;
  }

  /**
   * Looks until the outcome is certain; no further attempt may begin. That the other system does not know the key counts only
   * after the quiet time, and only if it says so twice.
   */
  async settle(row: EffectRow, compiled: CompiledEffect, run: EffectRun): Promise<Known | 'absent' | 'in doubt'> {
    const { platform } = this.#environment;
    if (!compiled.effect.lookup) return 'in doubt';
    // The last request may have left at the very end of the last attempt; an attempt of another process is given its whole time.
    const ended =
      run.ended?.attempt === row.attempt ? run.ended.atMono : platform.clock.monoNow() - row.sinceAttemptMs + PERFORM_TIMEOUT_MS;
    let nothing = 0;
    for (let failures = 0; failures < LOOKUPS_MAX; ) {
      if (this.#stopped.aborted) throw this.#stopped.reason;
      const found = await this.#lookUp(row, compiled);
      if ('known' in found && found.known) return found.known;
      if ('error' in found) {
        failures++;
        await this.#wait(row, steadyBackoffMs(platform, BACKOFF, failures));
        continue;
      }
      const quietInMs = ended + compiled.quietMs - platform.clock.monoNow();
      nothing++;
      if (nothing > 1 && quietInMs <= 0) return 'absent';
      await this.#wait(row, Math.max(quietInMs, BACKOFF.baseMs));
    }
    return 'in doubt';
  }

  async #wait(row: EffectRow, forMs: number): Promise<void> {
    const { platform, store } = this.#environment;
    for (let leftMs = forMs; leftMs > 0; leftMs -= KEEP_MS) {
      await platform.timers.sleep(Math.min(leftMs, KEEP_MS), this.#stopped);
      await store.write((tx) => keepEffect(tx, row.key));
    }
  }

  #lookUp(row: EffectRow, compiled: CompiledEffect): ReturnType<typeof outcomeOf> {
    const ask: NonNullable<typeof compiled.effect.lookup> = (request, context) =>
      compiled.effect.lookup?.(request, context) ?? Promise.resolve(undefined);
    return outcomeOf(compiled, () => outside(this.#environment, row, compiled, row.attempt, ask), 'looked up');
  }
}
