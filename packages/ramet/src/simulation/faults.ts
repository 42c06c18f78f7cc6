import { Keyed } from './keyed.ts';

/** The kinds of fault, and how often each happens at a place where it may, in a run of ordinary intensity. */
export const FAULTS = {
  /** A process ends, as by kill -9, and starts again. */
  kill: 0.002,
  /** A process continues later: a slow disk, a busy machine. */
  delay: 0.05,
  /** A process does nothing for a while and then continues as if nothing had happened: a garbage collection, SIGSTOP. */
  pause: 0.03,
  /** A paused process is replaced, and wakes up beside its successor. */
  zombie: 0.003,
  /** A request never arrives. */
  'lose-request': 0.01,
  /** A request arrives and its answer does not. */
  'lose-reply': 0.01,
  /** A request arrives up to half a minute late. */
  'late-request': 0.01,
  /** An answer arrives late. */
  'late-reply': 0.01,
  /** A request arrives a second time, later. */
  duplicate: 0.02,
  /** The connection is refused: certainly nothing happened. */
  refuse: 0.01,
  /** The connection breaks after the request was sent: its effect is unknown. */
  reset: 0.01,
  /** Two processes do not reach each other for a while. */
  partition: 0.02,
  /** An external system answers with an error of its own. */
  'external-error': 0.02,
  /** Events are delivered again. */
  redeliver: 0.05,
  /** The hint that there are new events is lost. */
  'lose-wake': 0.1,
  /** A process's clock is wrong from the start. */
  skew: 0.5,
  /** A process's clock jumps. */
  jump: 0.01,
  /** A store's disk is full for a while. */
  'disk-full': 0.01,
} as const;

/** The name of a kind of fault. */
export type FaultKind = keyof typeof FAULTS;
export const FAULT_KINDS = Object.keys(FAULTS) as FaultKind[];

/** The faults that a network always has: a system must work with them. */
const ON_THE_WIRE: ReadonlySet<FaultKind> = new Set<FaultKind>([
  ...(['delay', 'lose-request', 'lose-reply', 'late-request', 'late-reply', 'duplicate'] as const),
  ...(['refuse', 'reset', 'external-error', 'redeliver', 'lose-wake'] as const),
]);

/** How often each kind happens: 1 is ordinary, 0 is never. */
export type Intensities = Partial<Readonly<Record<FaultKind, number>>>;

/** One fault that happened. Its id says what and where, and is the same in each run of the seed in which it may happen. */
export interface Fired {
  readonly id: string;
  readonly kind: FaultKind;
  readonly at: number;
}

/** A fault that happens now. */
export interface PlannedFault {
  readonly id: string;
  /** Draws chance for this fault: how long, which one, how far. Uniform in [0, 1). */
  roll(what: string): number;
}

/**
 * Decides at each place whether a fault happens there. The seed also decides which kinds it has at all, and how often they happen (swarm
 * testing, Groce et al. 2012): a run with every kind at once hides what a run with one kind shows.
 */
export class FaultPlan {
  readonly #keyed: Keyed;
  readonly #probabilities: Readonly<Record<FaultKind, number>>;
  readonly #only: ReadonlySet<string> | undefined;
  readonly #fired: (fired: Fired) => void;
  readonly #now: () => number;
  readonly fired: Fired[] = [];
  /** Whether faults happen now. */
  active = false;
  #onTheWireOnly = false;

  /** @param only exactly these faults happen, by id; without it, every kind may happen */
  constructor(
    seed: string,
    options: { intensities: Intensities; only?: ReadonlySet<string> | undefined; now: () => number; onFired?: (fired: Fired) => void },
  ) {
    this.#keyed = new Keyed(`${seed}|faults`);
    this.#only = options.only;
    this.#now = options.now;
    this.#fired = options.onFired ?? (() => {});
    this.#probabilities = probabilitiesOf(new Keyed(`${seed}|swarm`), options.intensities);
  }

  /** Ends the faults of processes, disks and clocks; only messages keep failing. */
  onTheWireOnly(): void {
    this.#onTheWireOnly = true;
  }

  /** Decides whether a fault of this kind happens at `site` this time. @param weight how much more or less likely than elsewhere */
  at(kind: FaultKind, site: string, weight = 1): PlannedFault | undefined {
    if (!this.active || (this.#onTheWireOnly && !ON_THE_WIRE.has(kind))) return undefined;
    const place = `${kind}@${site}`;
    const id = `${place}#${this.#keyed.count(place)}`;
    if (this.#only ? !this.#only.has(id) : this.#keyed.of(id) >= this.#probabilities[kind] * weight) return undefined;
    const fired = { id, kind, at: this.#now() };
    this.fired.push(fired);
    this.#fired(fired);
    return { id, roll: (what) => this.#keyed.of(`${id}/${what}`) };
  }
}

/** A fifth of all seeds has no faults (a failure there needs none); a tenth has all kinds, and more often. */
function probabilitiesOf(keyed: Keyed, intensities: Intensities): Readonly<Record<FaultKind, number>> {
  const mood = keyed.of('mood');
  const factor = (kind: FaultKind): number => {
    if (mood < 0.2) return 0;
    if (mood >= 0.9) return 2;
    if (keyed.of(`${kind} at all`) < 0.45) return 0;
    return [0.3, 1, 3][Math.floor(keyed.of(`${kind} how much`) * 3)] as number;
  };
  return Object.fromEntries(FAULT_KINDS.map((kind) => [kind, FAULTS[kind] * factor(kind) * (intensities[kind] ?? 1)])) as Record<
    FaultKind,
    number
  >;
}
