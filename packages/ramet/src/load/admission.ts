import type { Platform, Timer } from '../platform/index.ts';
import { AdaptiveLimit } from './adaptive-limit.ts';
import { Saturation } from './saturation.ts';
import { TurnWatch } from './turn-watch.ts';
import { type Waiting, WaitingLine } from './waiting-line.ts';
import { YoungCount } from './young-count.ts';

/** The priority of a request: `read` is refused before `write`. */
export type RequestPriority = 'read' | 'write';

/** A turn of the event loop that takes longer is overloaded: it begins no more requests, and the next turns begin fewer. */
const TURN_MS = 100;
/** How many requests one turn begins. Their cost is known only at its end. */
const STARTS_PER_TURN = 64;
const LIMIT_MIN = 16;
const SHRINK_MOST = 0.5;
const SHRINK_LEAST = 0.9;
const GROW_SHARE = 0.05;
/** The share of the limit that reads may fill. */
const READ_SHARE = 0.8;
/** How long a request may wait to begin: in a burst, and in a saturated loop, where the time in the kernel counts too. */
const WAIT_MS: Readonly<Record<RequestPriority, number>> = { read: 250, write: 500 };
const SATURATED_WAIT_MS: Readonly<Record<RequestPriority, number>> = { read: 150, write: 250 };
/** How many requests may wait: in a burst, and at least in a saturated loop. */
const WAITING_MAX = 1_000;
const SATURATED_WAITING_MIN = 64;
/** The newest request is served first for so long after a waiting request was refused. */
const OVERLOAD_MS = 200;
/** How much longer a request may wait after a long turn: a single pause must not refuse it. */
const PAUSE_MS = 100;
const SWEEP_MS = 25;
/** A turn that was shorter and began no request is a pause of the loop. */
const CALM_MS = 5;

/** The place of an admitted request. Its owner must return it. */
export interface Place {
  leave(): void;
}

/**
 * Decides which requests a process begins, so that it answers them in time, however many arrive. It watches the event loop, which all
 * requests share, and limits three things: the requests under way, so that a turn stays below {@link TURN_MS}; the requests under way
 * in a loop without a pause, so that each ends soon; and the requests that one turn begins, so that their cost can be measured. A
 * request without a place waits in a line for a fraction of a second and is then refused. Under overload, the newest is served first.
 */
export class Admission {
  readonly #platform: Platform;
  readonly #turns: TurnWatch;
  readonly #limit = new AdaptiveLimit(LIMIT_MIN);
  readonly #saturation = new Saturation();
  readonly #lines: Readonly<Record<RequestPriority, WaitingLine>> = {
    read: new WaitingLine(WAITING_MAX),
    write: new WaitingLine(WAITING_MAX),
  };
  readonly #young = new YoungCount();
  #starts = 0;
  #most = 0;
  #wasLong = false;
  #wasFull = false;
  #refusedMono = Number.NEGATIVE_INFINITY;
  #sweep: Timer | undefined;

  constructor(platform: Platform) {
    this.#platform = platform;
    this.#turns = new TurnWatch(platform, (turnMs, nowMono) => this.#turned(turnMs, nowMono));
  }

  get limit(): number {
    return this.#limit.value;
  }

  get waiting(): number {
    return this.#lines.read.length + this.#lines.write.length;
  }

  /**
   * Requests a place.
   * @param isGone whether the client has disconnected, so that its request need not begin
   * @returns a place; or, for a request that waits, a promise of a place, or of undefined when the request is refused
   */
  enter(priority: RequestPriority, isGone: () => boolean): Place | Promise<Place | undefined> {
    const nowMono = this.#platform.clock.monoNow();
    const lateMs = this.#turns.watch(nowMono);
    if (lateMs <= TURN_MS && this.#isFree(priority, nowMono)) return this.#begin(nowMono);
    return new Promise((resolve) => this.#wait(priority, nowMono, lateMs, isGone, resolve));
  }

  #wait(
    priority: RequestPriority,
    nowMono: number,
    lateMs: number,
    isGone: () => boolean,
    resolve: (place: Place | undefined) => void,
  ): void {
    const isSaturated = this.#saturation.at(nowMono);
    const waitMs = isSaturated ? Math.max(TURN_MS, SATURATED_WAIT_MS[priority] - lateMs) : WAIT_MS[priority];
    const waiting: Waiting = {
      deadlineMono: nowMono + waitMs,
      admit: () => {
        if (isGone()) return false;
        resolve(this.#begin(this.#platform.clock.monoNow()));
        return true;
      },
      expire: () => resolve(undefined),
    };
    const most = isSaturated ? Math.min(WAITING_MAX, Math.max(SATURATED_WAITING_MIN, this.#limit.value)) : WAITING_MAX;
    if (this.#lines[priority].joinForOldest(waiting, nowMono, most) > 0) this.#refusedMono = nowMono;
    this.#sweep ??= this.#platform.timers.set(SWEEP_MS, () => this.#swept());
  }

  #isFree(priority: RequestPriority, nowMono: number): boolean {
    const limit = this.#limit.value;
    const isFull = this.#young.at(nowMono) >= (priority === 'read' ? Math.ceil(limit * READ_SHARE) : limit);
    this.#wasFull ||= isFull;
    return !isFull && this.#starts < STARTS_PER_TURN;
  }

  #begin(begunMono: number): Place {
    this.#turns.watch(begunMono);
    this.#starts++;
    const bucket = this.#young.begin(begunMono);
    this.#most = Math.max(this.#most, this.#young.at(begunMono), this.#starts);
    let left = false;
    return {
      leave: () => {
        if (left) return;
        left = true;
        const nowMono = this.#platform.clock.monoNow();
        this.#young.ended(bucket, nowMono);
        this.#saturation.ended(nowMono - begunMono, nowMono);
        if (this.waiting > 0 && this.#turns.watch(nowMono) <= TURN_MS) this.#admitWaiting(nowMono);
      },
    };
  }

  #admitWaiting(nowMono: number): void {
    const newestFirst = nowMono - this.#refusedMono < OVERLOAD_MS;
    for (const priority of ['write', 'read'] as const) {
      const line = this.#lines[priority];
      while (line.length > 0 && this.#isFree(priority, nowMono) && line.admitAny(nowMono, newestFirst));
    }
  }

  /** Learns from a turn. @returns whether to watch the next one */
  #turned(turnMs: number, nowMono: number): boolean {
    const most = Math.max(this.#most, this.#young.at(nowMono));
    const limit = this.#limit;
    const inTime = this.#saturation.learned(turnMs, nowMono);
    if (inTime !== undefined) limit.shrink(inTime, 1);
    const isLong = turnMs > TURN_MS;
    // A single long turn is a pause, and with few requests under way they are not its cause.
    if (isLong && this.#wasLong && most >= LIMIT_MIN) limit.shrink(most, Math.min(SHRINK_LEAST, Math.max(SHRINK_MOST, TURN_MS / turnMs)));
    else if (!isLong && this.#wasFull && limit.value < (inTime ?? Number.POSITIVE_INFINITY))
      limit.grow(Math.max(1, Math.floor(limit.value * GROW_SHARE)));
    this.#wasLong = isLong;
    this.#starts = 0;
    this.#most = 0;
    this.#wasFull = false;
    this.#admitWaiting(nowMono);
    // After a long turn, every request has waited. Those that are still in the line may begin in the next turn.
    this.#dropExpired(isLong ? nowMono - PAUSE_MS : nowMono);
    const isBusy = this.#starts > 0 || turnMs > CALM_MS;
    if (!isBusy) this.#saturation.paused();
    return isBusy;
  }

  #dropExpired(nowMono: number): void {
    for (const line of Object.values(this.#lines)) if (line.dropExpired(nowMono) > 0) this.#refusedMono = nowMono;
  }

  #swept(): void {
    const nowMono = this.#platform.clock.monoNow();
    this.#admitWaiting(nowMono);
    this.#dropExpired(this.#turns.watch(nowMono) > TURN_MS ? nowMono - PAUSE_MS : nowMono);
    this.#sweep = this.waiting > 0 ? this.#platform.timers.set(SWEEP_MS, () => this.#swept()) : undefined;
  }
}
