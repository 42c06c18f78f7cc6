import type { Platform } from '../../platform/index.ts';
import { countCrash, type Store, Suspects } from '../../store/index.ts';
import { type EffectRow, takeOverEffect } from '../fences/effect-rows.ts';

interface Environment {
  readonly platform: Platform;
  readonly store: Store;
  readonly owner: string;
}

/** Takes over effects whose owner crashed while it worked on them; one of them may have caused the crash. */
export class Orphans {
  readonly #environment: Environment;
  readonly #suspects: Suspects;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#suspects = new Suspects(environment.platform);
  }

  /** Whether another process works on the effect, or did until it crashed. A process that stops gives its effects back. */
  isOf({ owner }: EffectRow): boolean {
    return owner !== undefined && owner !== this.#environment.owner;
  }

  /**
   * Takes an effect over when it is its turn. The crash is counted at that moment, because an effect that waits for its turn has not
   * started.
   * @returns whether the effect is given up, and a function to call when its next attempt has ended
   */
  async takeOver(row: EffectRow, name: string, signal: AbortSignal): Promise<{ readonly givenUp: boolean; readonly release: () => void }> {
    const { platform, store, owner } = this.#environment;
    const { crashes, givenUp } = countCrash(row.crashes);
    await platform.timers.sleep(this.#suspects.earlyMs(crashes), signal);
    const release = crashes < 2 ? () => {} : await this.#suspects.turn();
    try {
      const mine = await store.write((tx) => takeOverEffect(tx, row, owner), { name: `${name} is taken over` });
      return { givenUp: mine && givenUp, release };
    } catch (error) {
      release();
      throw error;
    }
  }
}
