import { SECOND, Wakeable } from '../../platform/index.ts';
import type { Reader } from '../../store/index.ts';
import { isWaiting, type StepRow } from '../journal/journal.ts';
import { type WaitState, waitStates } from '../journal/saga-mailbox.ts';
import { asStop, type Run } from './run.ts';
import type { Suspension } from './step.ts';

/** How often a running saga looks for events that another process has kept. */
const LOOK_MS = 1 * SECOND;
/** How often a saga looks for events while its process, which has just started, catches up. */
const CATCH_UP_MS = 200;

/**
 * The open sleeps and waits of a program. While a call is under way, this class watches them. When nothing else is under way,
 * the saga is released until its wake-up time, or until something wakes it.
 */
export class Waits {
  readonly #run: Run;
  readonly #over: AbortSignal;
  /** Whether anything else is under way. */
  readonly #busy: () => boolean;
  readonly #suspend: (suspension: Suspension) => void;
  readonly #idle: Wakeable;
  readonly #open = new Map<number, { readonly step: StepRow; readonly settle: () => void }>();
  #watching = false;

  constructor(run: Run, over: AbortSignal, busy: () => boolean, suspend: (suspension: Suspension) => void) {
    this.#run = run;
    this.#idle = new Wakeable(run.environment.platform);
    this.#over = over;
    this.#busy = busy;
    this.#suspend = suspend;
    run.onRouse(() => this.rouse());
    over.addEventListener('abort', () => this.rouse(), { once: true });
  }

  /** How many are open. */
  get size(): number {
    return this.#open.size;
  }

  /** Resolves when the sleep or wait has ended: its result is the event's data, or undefined after the timeout. */
  until(step: StepRow): Promise<void> {
    return new Promise((settle) => {
      this.#open.set(step.idx, { step, settle });
      this.rouse();
      void this.#watch();
    });
  }

  /** Looks again: an event or the end of a call may have changed something. */
  rouse(): void {
    this.#idle.wake();
  }

  async #watch(): Promise<void> {
    if (this.#watching) return;
    this.#watching = true;
    const { environment, stopped } = this.#run;
    try {
      while (this.#open.size > 0) {
        this.#idle.reset();
        // An answer of this turn lets the program continue within the turn.
        await environment.platform.timers.yield();
        const busy = this.#busy();
        const look = await this.#look(environment.store.reader);
        if (this.#over.aborted || stopped.aborted) return;
        if (look.settled.length > 0) for (const standing of look.settled) this.#settle(standing);
        else if (busy) await this.#idle.sleep(Math.min(LOOK_MS, look.wakeInMs));
        else if (await this.#release()) return this.#suspend({ kind: 'asleep' });
      }
    } catch (error) {
      const stop = asStop(error);
      if (stop.code === 'Cancelled' && this.#run.saga.cancelReason !== undefined)
        this.#suspend({ kind: 'compensate', reason: this.#run.saga.cancelReason });
      else this.#suspend({ kind: 'stopped', error: stop });
    } finally {
      this.#watching = false;
    }
  }

  /**
   * Finds the sleeps and waits that have ended, in order; and in how many milliseconds the next time is over. An event counts before
   * a timeout: after a downtime both may be found, and the event was not late.
   */
  async #look(reader: Pick<Reader, 'all'>): Promise<{ settled: WaitState[]; wakeInMs: number }> {
    const caughtUp = await this.#run.environment.caughtUp();
    const open = (await waitStates(reader, this.#run.saga)).filter(({ idx }) => this.#open.has(idx));
    // A sleep in a race with a wait may be its timeout.
    const timesCount = caughtUp || open.every(({ idx }) => this.#open.get(idx)?.step.kind === 'sleep');
    const settled = open.filter(({ remainingMs, event }) => event !== undefined || (timesCount && remainingMs <= 0)).sort(asTheyCame);
    return { settled, wakeInMs: Math.max(caughtUp ? 1 : CATCH_UP_MS, Math.min(...open.map(({ remainingMs }) => remainingMs))) };
  }

  /** Releases the saga, unless something has arrived in the meantime. @returns whether it was released */
  #release(): Promise<boolean> {
    return this.#run.letGo(async (tx) => {
      const { settled, wakeInMs } = await this.#look(tx);
      return settled.length > 0 || this.#over.aborted || this.#busy() ? undefined : wakeInMs;
    });
  }

  #settle({ idx, event }: WaitState): void {
    const rest = this.#open.get(idx) as { step: StepRow; settle: () => void };
    this.#open.delete(idx);
    rest.step.state = 'OK';
    rest.step.result = event?.data;
    const detail = event ? `event ${event.id}` : rest.step.kind === 'wait' ? 'no event arrived in time' : undefined;
    this.#run.settle(rest.step, { actor: 'engine', step: rest.step.name, was: 'STARTED', became: 'OK', ...(detail ? { detail } : {}) });
    rest.settle();
  }
}

function asTheyCame(a: WaitState, b: WaitState): number {
  if (a.event && b.event) return a.event.seq - b.event.seq;
  if (a.event || b.event) return a.event ? -1 : 1;
  return a.remainingMs - b.remainingMs;
}

/** Ends the sleeps and waits of a saga that has ended or is being undone; they are written with the next save. */
export function endWaits(run: Run): void {
  for (const step of run.steps) {
    if (!isWaiting(step) || step.state !== 'STARTED') continue;
    step.state = 'CANCELLED';
    run.note(step, { actor: 'engine', step: step.name, was: 'STARTED', became: 'CANCELLED' });
  }
}
