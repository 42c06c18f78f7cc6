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

/** What is known of one instance. */
interface InstanceState {
  readonly breaker: Breaker | undefined;
  /** Calls of this caller to it under way. */
  inFlight: number;
}

/**
 * The instances of a target. Of two, the one with fewer calls of ours under way is called: as good as looking at all of them, and
 * callers who know the same do not all run to the same one (Mitzenmacher, "The Power of Two Choices"). The first of the two is taken
 * in turn, so that where nothing is under way everybody is asked alike; the second is drawn.
 *
 * Each has a breaker of its own: one that is bad among many is left out before the many failures that it causes close the way to all
 * (outlier ejection, as Envoy has it), and comes back with a growing share. Where a target has a single one, or the transport does not
 * say, there is nothing to choose, and the breaker of the operation alone decides.
 */
export class Instances {
  readonly #make: ((key: string) => Breaker) | undefined;
  readonly #random: () => number;
  readonly #known = new Map<string, InstanceState>();
  #turn = 0;

  /** @param random uniform in [0, 1) */
  constructor(settings: BreakerSettings | false, make: (key: string) => Breaker, random: () => number) {
    this.#make = settings === false ? undefined : make;
    this.#random = random;
  }

  /** Chooses one that is not ejected, counts the call, and enters its breaker where it has one. Say {@link left} when it has ended. */
  choose(keys: readonly string[], nowMono: number): Chosen {
    const count = keys.length;
    const turn = this.#turn++ % count;
    if (count === 1) return this.#enter(keys[0] as string, undefined);
    const second = (turn + 1 + Math.floor(this.#random() * (count - 1))) % count;
    const best = this.#busier(keys[turn] as string, keys[second] as string) ? second : turn;
    if (!this.#make || this.#ejected(keys, nowMono) > EJECTED_MAX * count) return this.#enter(keys[best] as string, undefined);
    const taken = this.#tryEnter(keys[best] as string, nowMono) ?? this.#tryEnter(keys[best === turn ? second : turn] as string, nowMono);
    if (taken) return taken;
    // Both are left out, or not yet back with their whole share.
    for (let i = 1; i < count; i++) {
      const index = (turn + i) % count;
      const chosen = index === second ? undefined : this.#tryEnter(keys[index] as string, nowMono);
      if (chosen) return chosen;
    }
    return this.#enter(keys[best] as string, undefined);
  }

  /** A call to an instance has ended. */
  left({ instance }: Chosen): void {
    const known = this.#known.get(instance);
    if (known && known.inFlight > 0) known.inFlight--;
  }

  #busier(key: string, other: string): boolean {
    return (this.#known.get(key)?.inFlight ?? 0) > (this.#known.get(other)?.inFlight ?? 0);
  }

  #ejected(keys: readonly string[], nowMono: number): number {
    let count = 0;
    for (const key of keys) if ((this.#known.get(key)?.breaker?.blockedMs(nowMono) ?? 0) > 0) count++;
    return count;
  }

  #tryEnter(key: string, nowMono: number): Chosen | undefined {
    const { breaker } = this.#of(key);
    return breaker && breaker.enter(nowMono) > 0 ? undefined : this.#enter(key, breaker);
  }

  #enter(instance: string, breaker: Breaker | undefined): Chosen {
    this.#of(instance).inFlight++;
    return { instance, breaker, generation: breaker?.generation ?? 0 };
  }

  #of(key: string): InstanceState {
    let known = this.#known.get(key);
    if (!known) {
      if (this.#known.size >= KEPT_MAX) this.#known.delete(this.#known.keys().next().value as string);
      known = { breaker: this.#make?.(key), inFlight: 0 };
      this.#known.set(key, known);
    }
    return known;
  }
}
