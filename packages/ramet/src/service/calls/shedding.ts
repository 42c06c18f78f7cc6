import { RametError } from '../../errors/index.ts';
import { AdaptiveLimit } from '../../load/index.ts';
import { type Platform, SECOND } from '../../platform/index.ts';
import type { CallMeta } from '../../rpc/index.ts';

/** What is turned away first comes first. `admin` is never turned away: health, keys, and who sets things right. */
const PRIORITIES = ['read', 'write', 'step', 'compensation', 'admin'] as const;
export type Priority = (typeof PRIORITIES)[number];

/** An event loop that is later than this (99th percentile) has more to do than it can; each priority stands twice the lag of the one below. */
const LAG_MS = 200;
const READ_EVERY_MS = SECOND;
/** A reading over a longer time says nothing about now. */
const READING_MAX_MS = 5 * SECOND;
/** With fewer calls under way the lag is not theirs, and turning them away would not cure it. */
const CALLS_MIN = 16;

const LIMIT_MIN = 32;
/** Which share of the limit each priority may fill. */
const SHARES: Readonly<Record<Priority, number>> = { read: 0.8, write: 0.9, step: 0.95, compensation: 1, admin: Number.POSITIVE_INFINITY };
const RETRY_AFTER_MS = SECOND;

/** How a call ranks when not all can be answered: what undoes before what does, what others wait for before what they can ask again. */
export function priorityOf(kind: 'command' | 'query' | 'stream', { caller, step, durable }: CallMeta): Priority {
  if (step) return step.undo ? 'compensation' : 'step';
  if (durable) return 'step';
  if (caller.kind === 'service' && caller.initiator === undefined) return 'admin';
  return kind === 'command' ? 'write' : 'read';
}

/**
 * How late the event loop of this process is, read once a second while there are calls. One for all services of a process:
 * the platform's figure is that since it was last asked for.
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

  /** Milliseconds, as of the last two readings: one alone may be a single pause. */
  lagMs(nowMono: number): number {
    const sinceMs = nowMono - this.#readMono;
    if (sinceMs < READ_EVERY_MS) return this.#lagMs;
    const readMs = this.#read(nowMono);
    this.#lagMs = sinceMs > READING_MAX_MS ? 0 : Math.min(readMs, this.#lastMs);
    this.#lastMs = sinceMs > READING_MAX_MS ? 0 : readMs;
    return this.#lagMs;
  }

  /** The worst reading since this was asked last, in seconds: for metrics, which must not take the readings away. */
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
 * Turns calls away that a service cannot answer in time anyway, the least important first, so that the others are answered:
 * by a limit of calls under way, which falls by a tenth whenever a call outlives its deadline and grows by one when they come
 * in time, and by the lag of the event loop.
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

  /** Lets a call in, who then says `leave`, or says why not. */
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

  /** @param late the answer came after the deadline: nobody had use of the work. Undefined where the call says nothing of this process */
  leave(late: boolean | undefined, nowMono: number): void {
    const under = this.#calls--;
    this.#lag.calls--;
    this.#limit.settled(late, under, nowMono);
  }
}

const overloaded = (why: string): RametError => new RametError('Overloaded', why, { retryAfterMs: RETRY_AFTER_MS });
