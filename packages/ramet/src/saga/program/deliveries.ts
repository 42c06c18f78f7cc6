import { SECOND, type Timer } from '../../platform/index.ts';
import type { StepRow } from '../journal/journal.ts';
import type { Run } from '../run/run.ts';

/*
 * Why a program takes the same way each time it runs:
 *
 * 1. A program waits for outcomes: answers and declared failures of its steps, ends of its sleeps, events and timeouts of its
 *    waits. Each outcome gets the next number of the saga in the write that stores it (`delivery`).
 * 2. Outcomes are delivered one at a time, in the order of their numbers. Between two of them the event loop turns once. By then
 *    the program has done everything that it can do: however it combines its promises, it is idle before the next outcome.
 *    The first run delivers by the same rule, so that a later run repeats it.
 * 3. A later run delivers the recorded outcomes first. Steps that are new, or have no outcome, begin only after that. So a
 *    program that does not fit its journal has no effect and writes nothing.
 * 4. When an outcome is delivered, the program must have requested its step. After the last recorded outcome, the program must have
 *    requested every row of the journal, as it had when the rows were written. Otherwise it has diverged.
 */

/** How long a program that awaits something else may take to request the next step of its journal. */
const PATIENCE_MS = 2 * SECOND;

/** What deliveries need to know of a run. */
export interface DeliveryOptions {
  /** The names of the steps that the program has requested in this run. */
  readonly asked: ReadonlySet<string>;
  /** Whether the program must receive no further outcome. */
  readonly over: () => boolean;
  readonly diverged: (reason: string) => void;
  /** Called when the program is idle and has received every recorded outcome. */
  readonly rested: () => void;
}

/** Delivers the outcomes of its steps to a program, one after another. */
export class Deliveries {
  readonly #run: Run;
  readonly #options: DeliveryOptions;
  /** Steps whose outcomes an earlier run delivered and this one has not. */
  readonly #recorded: StepRow[];
  /** Outcomes that are ready to be delivered, by their numbers. */
  readonly #due = new Map<number, () => void>();
  readonly #wentLive = Promise.withResolvers<void>();
  #live: boolean;
  #last = 0;
  /** Whether the program may be running: then a delivery has caused what it does. */
  #turning = false;
  #returned = false;
  #patience: Timer | undefined;

  constructor(run: Run, options: DeliveryOptions) {
    this.#run = run;
    this.#options = options;
    this.#recorded = run.steps
      .filter((step) => step.delivery !== undefined)
      .sort((a, b) => (a.delivery as number) - (b.delivery as number));
    this.#live = run.steps.length === 0 && !run.environment.rehearsal;
    if (this.#live) this.#wentLive.resolve();
  }

  /** How many outcomes the program has received. */
  get delivered(): number {
    return this.#last;
  }

  /** Whether every recorded outcome was delivered. */
  get live(): boolean {
    return this.#live;
  }

  /** Resolves when every recorded outcome was delivered; never for a program that diverges or ends before. */
  get wentLive(): Promise<void> {
    return this.#wentLive.promise;
  }

  /** Whether the program is idle, and no outcome is left to deliver. */
  get quiet(): boolean {
    return this.#live && !this.#turning && this.#due.size === 0;
  }

  /** Starts the program. */
  start(program: () => void): void {
    void this.#turn(program);
  }

  /** Called when the program requests something or ends. If no delivery has caused that, it has awaited something else. */
  active(): void {
    if (this.#turning) return;
    const { environment, saga } = this.#run;
    environment.onStray?.(saga);
    void this.#turn(() => {});
  }

  /** Adds an outcome. @param settle settles the program's promise of the step */
  due(step: StepRow, settle: () => void): void {
    this.#due.set(step.delivery as number, settle);
    const next = this.#turning ? undefined : this.#next();
    if (next) void this.#turn(next);
  }

  /** Called when the program has returned: it requests nothing more. */
  returned(): void {
    this.#returned = true;
    if (!this.#turning && !this.#live) this.#rested();
  }

  /** Says which step of the journal the program has not requested, as the reason of a divergence. */
  unreached(): string | undefined {
    const { asked } = this.#options;
    const missing = this.#recorded.find(({ name }) => !asked.has(name)) ?? this.#run.steps.find(({ name }) => !asked.has(name));
    if (!missing) return undefined;
    const known = new Set(this.#run.steps.map(({ name }) => name));
    const instead = [...asked].filter((name) => !known.has(name)).map((name) => `'${name}'`);
    return (
      `its journal has ${missing.kind} '${missing.name}', which its program does not request` +
      (instead.length > 0 ? `; it requests ${instead.join(', ')} instead` : '')
    );
  }

  /** Ends all waiting. */
  stop(): void {
    this.#patience?.cancel();
  }

  async #turn(first: () => void): Promise<void> {
    const { timers } = this.#run.environment.platform;
    this.#turning = true;
    this.#run.gather();
    for (let deliver: (() => void) | undefined = first; deliver; deliver = this.#next()) {
      deliver();
      await timers.yield();
    }
    this.#turning = false;
    this.#run.gathered();
    if (!this.#live && !this.#options.over()) this.#rested();
    if (this.#live) this.#options.rested();
  }

  #next(): (() => void) | undefined {
    if (this.#options.over()) return undefined;
    const number = this.#recorded[0]?.delivery ?? this.#last + 1;
    const settle = this.#due.get(number);
    if (!settle) return undefined;
    this.#due.delete(number);
    this.#recorded.shift();
    this.#last = number;
    return settle;
  }

  /** Decides what an idle program means while it runs over its journal: it goes live, has diverged, or waits for something else. */
  #rested(): void {
    const next = this.#recorded[0];
    const missing = next && this.#options.asked.has(next.name) ? undefined : this.unreached();
    this.#patience?.cancel();
    if (missing === undefined) {
      if (!next) this.#goLive();
    } else if (this.#returned) this.#options.diverged(missing);
    else {
      this.#patience = this.#run.environment.platform.timers.set(PATIENCE_MS, () => {
        if (!this.#turning && !this.#options.over()) this.#options.diverged(missing);
      });
    }
  }

  #goLive(): void {
    const { rehearsal } = this.#run.environment;
    if (rehearsal) rehearsal.over(this.#returned ? 'returned' : 'waits');
    else {
      this.#live = true;
      this.#wentLive.resolve();
    }
  }
}
