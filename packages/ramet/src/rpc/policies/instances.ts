import type { Breaker, BreakerSettings } from './breaker.ts';

/** At most this share of the instances is ejected. If more of them fail, the cause is elsewhere, and all are called. */
const EJECTED_MAX = 0.5;
/** The most instances that are remembered. Instances come and go, so the oldest are forgotten. */
const KEPT_MAX = 1_000;

/** The instance that was chosen for a call. */
export interface Chosen {
  readonly instance: string;
  /** The breaker that the call has entered, and to which its outcome must be reported. */
  readonly breaker: Breaker | undefined;
  readonly generation: number;
}

/** The state of one instance. */
interface InstanceState {
  readonly breaker: Breaker | undefined;
  /** The calls of this caller to the instance that are under way. */
  inFlight: number;
}

/**
 * The instances of a target. Of two candidates, the one with fewer calls of this caller under way is called. That is as good as
 * comparing all of them, and callers with the same knowledge do not all choose the same instance (Mitzenmacher, "The Power of Two
 * Choices"). The first candidate is taken in turn, so that an idle caller calls all instances equally; the second is drawn.
 *
 * Each instance has its own breaker. A bad instance among many is ejected before its failures open the circuit for all (outlier
 * ejection, as in Envoy), and returns with a growing share. If a target has a single instance, or the transport names none, only
 * the breaker of the operation decides.
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

  /** Chooses an instance that is not ejected, counts the call, and enters its breaker if it has one. Call {@link left} when the call has ended. */
  choose(keys: readonly string[], nowMono: number): Chosen {
    const count = keys.length;
    const turn = this.#turn++ % count;
    if (count === 1) return this.#enter(keys[0] as string, undefined);
    const second = (turn + 1 + Math.floor(this.#random() * (count - 1))) % count;
    const best = this.#busier(keys[turn] as string, keys[second] as string) ? second : turn;
    if (!this.#make || this.#ejected(keys, nowMono) > EJECTED_MAX * count) return this.#enter(keys[best] as string, undefined);
    const taken = this.#tryEnter(keys[best] as string, nowMono) ?? this.#tryEnter(keys[best === turn ? second : turn] as string, nowMono);
    if (taken) return taken;
    // Both are ejected, or do not have their whole share again yet.
    for (let i = 1; i < count; i++) {
      const index = (turn + i) % count;
      const chosen = index === second ? undefined : this.#tryEnter(keys[index] as string, nowMono);
      if (chosen) return chosen;
    }
    return this.#enter(keys[best] as string, undefined);
  }

  /** Notes that a call to an instance has ended. */
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
