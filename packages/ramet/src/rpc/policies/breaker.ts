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
  /** Jittered by a fifth in both directions, so that callers that failed together do not come back together. */
  readonly openForMs: number;
}

export type BreakerState = 'closed' | 'open' | 'half-open';

/**
 * - closed: calls pass. After it was open they pass in growing shares (`rampSinceMono`). Failures open it.
 * - open: calls are refused until `untilMono`; the next one is a probe.
 * - half-open: one probe at a time passes. Enough successes in a row close it, one failure opens it again.
 */
type Inner =
  | { readonly name: 'closed'; inFlight: number; consecutive: number; rampSinceMono: number | undefined; credit: number }
  | { readonly name: 'open'; readonly sinceMono: number; readonly untilMono: number }
  | { readonly name: 'half-open'; inFlight: number; successes: number };

/**
 * How much a failure says:
 * - `whole`: it counts in a row and for the rate;
 * - `rate`: it counts for the rate only, as where a row of failures is that of one instance among several;
 * - `repeated`: the same request has failed before. It does not count: a single bad request, tried again and again, must not
 *   open the circuit for all others.
 */
export type Weight = 'whole' | 'rate' | 'repeated';

/** How long work must be able to wait to outlast several probes of a circuit with these settings. */
export const probesTakeMs = ({ openForMs }: BreakerSettings): number => PROBES_OUTLASTED * openForMs * (1 + JITTER);

export interface BreakerEvents {
  /** Uniform in [0, 1). */
  random(): number;
  changed?(from: BreakerState, to: BreakerState): void;
  /** A probe goes out; with it so many are under way. */
  probe?(inFlight: number): void;
}

const PROBES_MAX = 1;
const SUCCESSES_TO_CLOSE = 2;
/** When to ask again while a probe is under way. */
const PROBE_WAIT_MS = SECOND;
/** After it was open: how many of a hundred calls pass, in equal parts of the ramp; all of them after it. */
const RAMP_PERCENT = [10, 25, 50];
const WHOLE = 100;
const RAMP_MS = 10 * SECOND;
const STAGE_MS = RAMP_MS / RAMP_PERCENT.length;
const JITTER = 0.2;
const SLOTS = 10;
/** How long it stays open after a probe whose request had failed before: twice as long for each further one, up to `openForMs`. */
const REPROBE_MS = SECOND;
/** Work that waits for an open circuit must outlast so many probes. */
const PROBES_OUTLASTED = 3;
/** An instance that fails again and again stays out longer and longer, up to so many times the first. */
const GROWTH_MAX = 10;

/**
 * A circuit breaker as a state machine: it knows no clock and starts no timer; whoever calls says what time it is
 * (Nygard, "Release It!"; the figures of the defaults are M17's). Enter before a call; then say what came of it, once, with
 * the generation that was current on entering: what was asked before a change says nothing about the time after it.
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
  /** Probes in a row that failed and were no news. */
  #staleProbes = 0;

  /** @param grows whether it stays open longer each time that it opens, until it has been closed for a while */
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
   * Asks to call. @returns 0 when the call may be made, and otherwise after how many milliseconds to ask again
   * @param reserved the call undoes something: the first probe is kept for it, from half of the time that others wait
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

  /** Whether a call would be refused for certain: 0, or after how many milliseconds to ask again. Changes nothing. */
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

  /** There is reason to believe that the other side works again: one that is open lets its probe through now. */
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
      // The other side may be well, and only this request be bad: another one is the probe, and soon.
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

  /** The call says nothing about the other side: nobody waited for it, or it was too short. */
  ignored(generation: number): void {
    if (generation === this.#generation && this.#inner.name !== 'open') this.#inner.inFlight--;
  }

  /** @param forMs a shorter time than the one that is set */
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

  /** A call passes when its share allows it, and always when no other is under way: one caller alone is no herd. */
  #rampWaitMs(nowMono: number): number {
    const inner = this.#inner;
    if (inner.name !== 'closed' || inner.rampSinceMono === undefined) return 0;
    const stage = Math.floor((nowMono - inner.rampSinceMono) / STAGE_MS);
    const percent = RAMP_PERCENT[stage];
    if (percent === undefined) {
      // One that grows has still to know how long it has been closed.
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
