import { RametError } from '../../errors/index.ts';
import { AdaptiveLimit } from '../../load/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import type { CallMeta } from '../../rpc/index.ts';

/** The priorities, those that are refused first at the beginning. `admin` is never refused: health, keys, operators. */
const PRIORITIES = ['read', 'write', 'step', 'compensation', 'admin'] as const;
/** The rank of a call when not all can be answered. */
export type Priority = (typeof PRIORITIES)[number];

/** An event loop that is later than this (99th percentile) is overloaded; each priority tolerates twice the lag of the one before. */
const LAG_MS = 200;
const READ_EVERY_MS = SECOND;
/** A reading over a longer time says nothing about the present. */
const READING_MAX_MS = 5 * SECOND;
/** Fewer calls under way than this do not cause the lag, and refusing them would not cure it. */
const CALLS_MIN = 16;

const LIMIT_MIN = 32;
/** The share of the limit that each priority may use. */
const SHARES: Readonly<Record<Priority, number>> = { read: 0.8, write: 0.9, step: 0.95, compensation: 1, admin: Number.POSITIVE_INFINITY };
const RETRY_AFTER_MS = SECOND;

/** Ranks a call for the case that not all can be answered: undos before steps, and both before calls that their callers can repeat. */
export function priorityOf(kind: 'command' | 'query' | 'stream', { caller, step, durable }: CallMeta): Priority {
  if (step) return step.undo ? 'compensation' : 'step';
  if (durable) return 'step';
  if (caller.kind === 'service' && caller.initiator === undefined) return 'admin';
  return kind === 'command' ? 'write' : 'read';
}

/**
 * Measures how late the event loop of this process is, once a second while there are calls. All services of a process share one,
 * because the platform's figure covers the time since it was last read.
 */
export class LoopLag {
  readonly #platform: Platform;
  #readMono = Number.NEGATIVE_INFINITY;
  #lastMs = 0;
  #lagMs = 0;
  #worstS = 0;
  calls = 0;

  constructor(platform: Platform) {
    this.#platform = platform;
  }

  /** Returns the lag in milliseconds: the smaller of the last two readings, because one alone may be a single pause. */
  lagMs(nowMono: number): number {
    const sinceMs = nowMono - this.#readMono;
    if (sinceMs < READ_EVERY_MS) return this.#lagMs;
    const readMs = this.#read(nowMono);
    this.#lagMs = sinceMs > READING_MAX_MS ? 0 : Math.min(readMs, this.#lastMs);
    this.#lastMs = sinceMs > READING_MAX_MS ? 0 : readMs;
    return this.#lagMs;
  }

  /** Returns the worst reading since the last call, in seconds; for metrics, which must not consume the readings. */
  worstSeconds(): number {
    this.#read(this.#platform.clock.monoNow());
    const worst = this.#worstS;
    this.#worstS = 0;
    return worst;
  }

  #read(nowMono: number): number {
    this.#readMono = nowMono;
    const seconds = this.#platform.process.eventLoopLagSeconds();
    this.#worstS = Math.max(this.#worstS, seconds);
    return seconds * SECOND;
  }
}

/**
 * Refuses calls that a service could not answer in time, the least important first, so that the others are answered. It uses the
 * lag of the event loop, and a limit of calls under way: the limit falls by a tenth when a call outlives its deadline, and grows
 * by one when calls are in time.
 */
export class Shedder {
  readonly #lag: LoopLag;
  readonly #limit = new AdaptiveLimit(LIMIT_MIN);
  #calls = 0;

  constructor(lag: LoopLag) {
    this.#lag = lag;
  }

  get limit(): number {
    return this.#limit.value;
  }

  /** Admits a call, which must call {@link leave} at its end. @returns the refusal of a call that is not admitted */
  enter(priority: Priority, nowMono: number): RametError | undefined {
    const lagMs = this.#lag.lagMs(nowMono);
    if (priority !== 'admin') {
      if (lagMs > LAG_MS * 2 ** PRIORITIES.indexOf(priority) && this.#lag.calls >= CALLS_MIN)
        return overloaded(`the event loop is ${Math.round(lagMs)} ms late`);
      if (this.#calls >= Math.ceil(this.#limit.value * SHARES[priority])) return overloaded(`${this.#calls} calls are under way`);
    }
    this.#calls++;
    this.#lag.calls++;
    return undefined;
  }

  /** Ends a call. @param late whether the answer missed the deadline; undefined if the duration says nothing about this process */
  leave(late: boolean | undefined, nowMono: number): void {
    const under = this.#calls--;
    this.#lag.calls--;
    this.#limit.settled(late, under, nowMono);
  }
}

const overloaded = (why: string): RametError => new RametError('Overloaded', why, { retryAfterMs: RETRY_AFTER_MS });
