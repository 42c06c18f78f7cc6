import { SECOND, Wakeable } from '../../platform/index.ts';
import type { Reader } from '../../store/index.ts';
import { isWaiting, type StepRow } from '../journal/journal.ts';
import { type WaitState, waitStates } from '../journal/saga-mailbox.ts';
import { asStop, type Run } from './run.ts';
import type { Suspension } from './step.ts';

/** How often it is looked for events that another process has kept, while the saga has other things under way. */
const LOOK_MS = 1 * SECOND;
/** How soon it is looked again for what a process that has just started has not yet been given. */
const CATCH_UP_MS = 200;

/**
 * The sleeps and waits that a program has open. While a call is under way they are looked after here; when the program has
 * nothing else to wait for, the saga is released until its wake-up time, or until something wakes it.
 */
export class Waits {
  readonly #run: Run;
  readonly #over: AbortSignal;
  /** Whether more is under way than the sleeps and waits. */
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

  /** Resolves when the step is settled: its result is the event's data, or undefined when its time is over. */
  until(step: StepRow): Promise<void> {
    return new Promise((settle) => {
      this.#open.set(step.idx, { step, settle });
      this.rouse();
      void this.#watch();
    });
  }

  /** Something may have changed: an event, the end of a call. */
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
        // What was answered in this turn takes the program on within it.
        await environment.platform.timers.yield();
        const busy = this.#busy();
        const look = await this.#look(environment.store.reader);
        if (this.#over.aborted || stopped.aborted) return;
        if (look.settled.length > 0) for (const standing of look.settled) this.#settle(standing);
        else if (busy) await this.#idle.sleep(Math.min(LOOK_MS, look.wakeInMs));
        else if (await this.#letGo()) return this.#suspend({ kind: 'asleep' });
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
   * What has arrived, in the order in which it arrived, and otherwise in how many milliseconds the first time is over. An event goes
   * before the end of a time: after a downtime both may be there, and the event was not late.
   */
  async #look(reader: Pick<Reader, 'all'>): Promise<{ settled: WaitState[]; wakeInMs: number }> {
    const caughtUp = await this.#run.environment.caughtUp();
    const open = (await waitStates(reader, this.#run.saga)).filter(({ idx }) => this.#open.has(idx));
    // A sleep beside a wait may be its time-out, by a race.
    const timesCount = caughtUp || open.every(({ idx }) => this.#open.get(idx)?.step.kind === 'sleep');
    const settled = open.filter(({ remainingMs, event }) => event !== undefined || (timesCount && remainingMs <= 0)).sort(asTheyCame);
    return { settled, wakeInMs: Math.max(caughtUp ? 1 : CATCH_UP_MS, Math.min(...open.map(({ remainingMs }) => remainingMs))) };
  }

  /** @returns whether the saga was released; not when something has arrived meanwhile */
  #letGo(): Promise<boolean> {
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
    const detail = event ? `event ${event.id}` : rest.step.kind === 'wait' ? 'no event has come in time' : undefined;
    this.#run.settle(rest.step, { actor: 'engine', step: rest.step.name, was: 'STARTED', became: 'OK', ...(detail ? { detail } : {}) });
    rest.settle();
  }
}

function asTheyCame(a: WaitState, b: WaitState): number {
  if (a.event && b.event) return a.event.seq - b.event.seq;
  if (a.event || b.event) return a.event ? -1 : 1;
  return a.remainingMs - b.remainingMs;
}

/** Ends the sleeps and waits of a saga that is over or being undone: they are written with what follows. */
export function endWaits(run: Run): void {
  for (const step of run.steps) {
    if (!isWaiting(step) || step.state !== 'STARTED') continue;
    step.state = 'CANCELLED';
    run.note(step, { actor: 'engine', step: step.name, was: 'STARTED', became: 'CANCELLED' });
  }
}
