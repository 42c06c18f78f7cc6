import type { Platform } from '../../platform/index.ts';
import { countCrash, type Store, Suspects } from '../../store/index.ts';
import { type EffectRow, takeOverEffect } from '../fences/effect-rows.ts';

interface Environment {
  readonly platform: Platform;
  readonly store: Store;
  readonly owner: string;
}

/** Effects whose owner ended while it worked on them. Perhaps one of them ended it. */
export class Orphans {
  readonly #environment: Environment;
  readonly #suspects: Suspects;

  constructor(environment: Environment) {
    this.#environment = environment;
    this.#suspects = new Suspects(environment.platform);
  }

  /** Whether another process works on it, or did until it ended. One that ended in good order has given it back. */
  isOf({ owner }: EffectRow): boolean {
    return owner !== undefined && owner !== this.#environment.owner;
  }

  /**
   * Takes an effect over when its turn has come. It is counted then, not before: what only waits has not been started.
   * @returns whether it is given up, and what to call when its next attempt has ended
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
