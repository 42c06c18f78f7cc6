import type { Breaker, BreakerSettings } from './breaker.ts';

/** At most this share of the instances is left out; where more fail, the fault is not theirs, and all are asked. */
const EJECTED_MAX = 0.5;
/** Instances come and go: what is known of those that have gone is forgotten. */
const KEPT_MAX = 1_000;

export interface Chosen {
  readonly instance: string;
  /** Entered; wants to know what came of the call. */
  readonly breaker: Breaker | undefined;
  readonly generation: number;
}

/**
 * The instances of a target, each with a breaker of its own: one that is bad among many is left out before the many failures
 * that it causes close the way to all (outlier ejection, as Envoy has it). Where a target has a single one, or the transport
 * does not say, there is nothing to choose, and the breaker of the operation alone decides.
 */
export class Instances {
  readonly #off: boolean;
  readonly #make: (key: string) => Breaker;
  readonly #breakers = new Map<string, Breaker>();
  #turn = 0;

  constructor(settings: BreakerSettings | false, make: (key: string) => Breaker) {
    this.#off = settings === false;
    this.#make = make;
  }

  /** Chooses among the instances in turn, without those that are ejected, and enters its breaker where it has one. */
  choose(keys: readonly string[], nowMono: number): Chosen {
    const turn = this.#turn++ % keys.length;
    const inTurn = [...keys.slice(turn), ...keys.slice(0, turn)];
    const first = inTurn[0] as string;
    if (this.#off || keys.length < 2) return { instance: first, breaker: undefined, generation: 0 };
    const ejected = keys.filter((key) => (this.#breakers.get(key)?.blockedMs(nowMono) ?? 0) > 0).length;
    if (ejected > EJECTED_MAX * keys.length) return { instance: first, breaker: undefined, generation: 0 };
    for (const instance of inTurn) {
      const breaker = this.#breakerOf(instance);
      if (breaker.enter(nowMono) === 0) return { instance, breaker, generation: breaker.generation };
    }
    return { instance: first, breaker: undefined, generation: 0 };
  }

  #breakerOf(key: string): Breaker {
    let breaker = this.#breakers.get(key);
    if (!breaker) {
      if (this.#breakers.size >= KEPT_MAX) this.#breakers.delete(this.#breakers.keys().next().value as string);
      breaker = this.#make(key);
      this.#breakers.set(key, breaker);
    }
    return breaker;
  }
}
