import { SECOND } from '../../platform/index.ts';
import { SlidingCount } from './sliding-count.ts';

/** When a breaker opens, and for how long. */
export interface BreakerSettings {
  /** So many failures in a row open it. */
  readonly consecutive: number;
  /** This share of failures opens it, from 0 to 1, when at least `minimumCalls` were answered within the window. */
  readonly failureRate: number;
  readonly minimumCalls: number;
  readonly windowMs: number;
  /** Jittered by a fifth in both directions, so that callers that failed together do not return together. */
  readonly openForMs: number;
}

/** The state of a circuit, as instruments see it. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/**
 * - closed: calls are allowed. After an open phase they are allowed in growing shares (`rampSinceMono`). Failures open the circuit.
 * - open: calls are refused until `untilMono`. The next call is a probe.
 * - half-open: one probe at a time is allowed. Enough successes in a row close the circuit, one failure opens it again.
 */
type Inner =
  | { readonly name: 'closed'; inFlight: number; consecutive: number; rampSinceMono: number | undefined; credit: number }
  | { readonly name: 'open'; readonly sinceMono: number; readonly untilMono: number }
  | { readonly name: 'half-open'; inFlight: number; successes: number };

/**
 * How much a failure counts:
 * - `whole`: in a row and for the rate.
 * - `rate`: for the rate only, where a row of failures belongs to one instance among several.
 * - `repeated`: not at all, because the same request has failed before. A single bad request that is tried again and again must
 *   not open the circuit for all others.
 */
export type Weight = 'whole' | 'rate' | 'repeated';

/** Computes how long work must wait to outlast several probes of a circuit with these settings. */
export const probesTakeMs = ({ openForMs }: BreakerSettings): number => PROBES_OUTLASTED * openForMs * (1 + JITTER);

/** What a breaker needs from its owner, and reports to it. */
export interface BreakerEvents {
  /** Uniform in [0, 1). */
  random(): number;
  changed?(from: BreakerState, to: BreakerState): void;
  /** A probe is sent; `inFlight` counts the probes under way, this one included. */
  probe?(inFlight: number): void;
}

const PROBES_MAX = 1;
const SUCCESSES_TO_CLOSE = 2;
/** How long a refused call waits while a probe is under way. */
const PROBE_WAIT_MS = SECOND;
/** How many of a hundred calls are allowed after an open phase, in equal parts of the ramp. After the ramp all are. */
const RAMP_PERCENT = [10, 25, 50];
const WHOLE = 100;
const RAMP_MS = 10 * SECOND;
const STAGE_MS = RAMP_MS / RAMP_PERCENT.length;
const JITTER = 0.2;
const SLOTS = 10;
/** How long the circuit stays open after a probe whose request had failed before. It doubles with each further one, up to `openForMs`. */
const REPROBE_MS = SECOND;
/** The number of probes that work must outlast when it waits for an open circuit. */
const PROBES_OUTLASTED = 3;
/** An instance that fails again and again is ejected for longer and longer, up to so many times the first time. */
const GROWTH_MAX = 10;

/**
 * A circuit breaker as a state machine (Nygard, "Release It!"). It has no clock and no timer: its caller passes the time. Enter
 * before a call, then report the outcome once, with the generation that was current on entry: a call from before a change of
 * state says nothing about the time after it.
 */
export class Breaker {
  readonly #settings: BreakerSettings;
  readonly #events: BreakerEvents;
  readonly #grows: boolean;
  readonly #calls: SlidingCount;
  readonly #failures: SlidingCount;
  #inner: Inner = { name: 'closed', inFlight: 0, consecutive: 0, rampSinceMono: undefined, credit: 0 };
  #generation = 0;
  #growth = 0;
  /** The number of probes in a row whose request had failed before. */
  #staleProbes = 0;

  /** @param grows whether the circuit stays open longer each time, until it has been closed for a while */
  constructor(settings: BreakerSettings, events: BreakerEvents, grows = false) {
    this.#settings = settings;
    this.#events = events;
    this.#grows = grows;
    this.#calls = new SlidingCount(SLOTS, settings.windowMs / SLOTS);
    this.#failures = new SlidingCount(SLOTS, settings.windowMs / SLOTS);
  }

  get state(): BreakerState {
    return this.#inner.name;
  }

  get generation(): number {
    return this.#generation;
  }

  /**
   * Enters before a call.
   * @param reserved whether the call is an undo: the first probe is reserved for one, from half of the open time
   * @returns 0 when the call is allowed, and otherwise how many milliseconds to wait before the next try
   */
  enter(nowMono: number, reserved = false): number {
    const waitMs = this.blockedMs(nowMono, reserved) || this.#rampWaitMs(nowMono);
    if (waitMs > 0) return waitMs;
    if (this.#inner.name === 'open') this.#become({ name: 'half-open', inFlight: 0, successes: 0 });
    const inner = this.#inner as Exclude<Inner, { name: 'open' }>;
    inner.inFlight++;
    if (inner.name === 'half-open') this.#events.probe?.(inner.inFlight);
    return 0;
  }

  /** Checks whether a call would certainly be refused, and changes nothing. @returns 0, or the milliseconds to wait */
  blockedMs(nowMono: number, reserved = false): number {
    const inner = this.#inner;
    switch (inner.name) {
      case 'closed':
        return 0;
      case 'open':
        return Math.max(0, (reserved ? (inner.sinceMono + inner.untilMono) / 2 : inner.untilMono) - nowMono);
      case 'half-open':
        return inner.inFlight < PROBES_MAX ? 0 : PROBE_WAIT_MS;
    }
  }

  /** Allows an open circuit to probe now, because there is reason to believe that the other side works again. */
  allowProbe(nowMono: number): void {
    if (this.#inner.name === 'open' && this.#inner.untilMono > nowMono) this.#inner = { ...this.#inner, untilMono: nowMono };
  }

  succeeded(generation: number, nowMono: number): void {
    if (generation !== this.#generation) return;
    const inner = this.#inner;
    if (inner.name === 'closed') {
      inner.inFlight--;
      inner.consecutive = 0;
      this.#calls.add(nowMono);
    } else if (inner.name === 'half-open') {
      inner.inFlight--;
      this.#staleProbes = 0;
      if (++inner.successes < SUCCESSES_TO_CLOSE) return;
      this.#calls.clear();
      this.#failures.clear();
      this.#become({ name: 'closed', inFlight: 0, consecutive: 0, rampSinceMono: nowMono, credit: 0 });
    }
  }

  failed(generation: number, nowMono: number, weight: Weight = 'whole'): void {
    if (generation !== this.#generation) return;
    const inner = this.#inner;
    if (inner.name === 'half-open') {
      // The other side may be well and only this request bad, so another request becomes the probe soon.
      if (weight === 'repeated') this.#open(nowMono, REPROBE_MS * 2 ** this.#staleProbes++);
      else this.#open(nowMono);
    } else if (inner.name === 'closed') {
      inner.inFlight--;
      if (weight === 'repeated') return;
      if (weight === 'whole') inner.consecutive++;
      this.#calls.add(nowMono);
      this.#failures.add(nowMono);
      const { consecutive, failureRate, minimumCalls } = this.#settings;
      const calls = this.#calls.sum(nowMono);
      if (inner.consecutive >= consecutive || (calls >= minimumCalls && this.#failures.sum(nowMono) >= failureRate * calls))
        this.#open(nowMono);
    }
  }

  /** Notes a call that says nothing about the other side: it was cancelled, or had too little time. */
  ignored(generation: number): void {
    if (generation === this.#generation && this.#inner.name !== 'open') this.#inner.inFlight--;
  }

  /** @param forMs a shorter time than that of the settings */
  #open(nowMono: number, forMs?: number): void {
    if (this.#grows && forMs === undefined) {
      if (this.#inner.name === 'closed' && (this.#inner.rampSinceMono === undefined || nowMono - this.#inner.rampSinceMono > 2 * RAMP_MS))
        this.#growth = 0;
      this.#growth = Math.min(GROWTH_MAX, this.#growth + 1);
    }
    if (forMs === undefined) this.#staleProbes = 0;
    const jitter = 1 - JITTER + 2 * JITTER * this.#events.random();
    const openMs = Math.min(forMs ?? Number.POSITIVE_INFINITY, this.#settings.openForMs * Math.max(1, this.#growth)) * jitter;
    this.#become({ name: 'open', sinceMono: nowMono, untilMono: nowMono + openMs });
  }

  /** Allows the share of the ramp. A call is always allowed while no other is under way: a single caller cannot overload the target. */
  #rampWaitMs(nowMono: number): number {
    const inner = this.#inner;
    if (inner.name !== 'closed' || inner.rampSinceMono === undefined) return 0;
    const stage = Math.floor((nowMono - inner.rampSinceMono) / STAGE_MS);
    const percent = RAMP_PERCENT[stage];
    if (percent === undefined) {
      // A breaker that grows still needs to know how long it has been closed.
      if (!this.#grows) inner.rampSinceMono = undefined;
      return 0;
    }
    inner.credit = Math.min(WHOLE, inner.credit + percent);
    if (inner.credit < WHOLE && inner.inFlight > 0) return inner.rampSinceMono + (stage + 1) * STAGE_MS - nowMono;
    inner.credit = Math.max(0, inner.credit - WHOLE);
    return 0;
  }

  #become(inner: Inner): void {
    const from = this.#inner.name;
    this.#inner = inner;
    this.#generation++;
    if (inner.name !== from) this.#events.changed?.(from, inner.name);
  }
}
