import { SECOND, type Timer } from '../../platform/index.ts';
import type { StepRow } from '../journal/journal.ts';
import type { Run } from '../run/run.ts';

/*
 * The rule by which a program takes the same way each time it runs.
 *
 * 1. A program waits for outcomes: answers and declared failures of its steps, ends of its sleeps, events and time-outs of its
 *    waits. Each outcome gets the next number of the saga in the write that stores it (`delivery`).
 * 2. Outcomes are delivered one at a time, in the order of their numbers. Between two of them the event loop turns once, so
 *    that the program has done everything that it can do: however its promises are combined, it rests before the next one.
 *    A first run delivers by the same rule, so that a later run repeats it.
 * 3. A later run delivers the recorded outcomes first. Steps that are new, or have no outcome, begin only after that: a
 *    program that does not fit its journal has no effect and writes nothing.
 * 4. At each recorded outcome the program must have asked for its step, and after the last one for every row of the journal:
 *    it had done so when the row was written. Otherwise it has diverged.
 */

/** How long a program that awaits something of its own may take to ask for the next step that its journal has. */
const PATIENCE_MS = 2 * SECOND;

export interface DeliveryOptions {
  /** The names that the program has asked for in this run. */
  readonly asked: ReadonlySet<string>;
  /** Whether the program must get nothing more. */
  readonly over: () => boolean;
  readonly diverged: (reason: string) => void;
  /** The program rests, and has got everything that is recorded. */
  readonly rested: () => void;
}

/** Gives a program the outcomes of its steps, one after another. */
export class Deliveries {
  readonly #run: Run;
  readonly #options: DeliveryOptions;
  /** Steps whose outcomes an earlier run delivered and this one has not. */
  readonly #recorded: StepRow[];
  /** Outcomes that are there, by their numbers. */
  readonly #due = new Map<number, () => void>();
  readonly #wentLive = Promise.withResolvers<void>();
  #live: boolean;
  #last = 0;
  /** Whether the program may be running: what it does now, a delivery has caused. */
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

  /** How many outcomes the program has been given. */
  get delivered(): number {
    return this.#last;
  }

  /** Whether everything that is recorded was delivered. */
  get live(): boolean {
    return this.#live;
  }

  /** Resolves when everything that is recorded was delivered; never for a program that diverges or ends before. */
  get wentLive(): Promise<void> {
    return this.#wentLive.promise;
  }

  /** Whether the program rests, and no outcome is there that it has not got. */
  get quiet(): boolean {
    return this.#live && !this.#turning && this.#due.size === 0;
  }

  /** Starts the program. */
  start(program: () => void): void {
    void this.#turn(program);
  }

  /** The program asks for something, or ends. When no delivery has caused that, it has awaited something of its own. */
  active(): void {
    if (this.#turning) return;
    const { environment, saga } = this.#run;
    environment.onStray?.(saga);
    void this.#turn(() => {});
  }

  /** An outcome is there. @param settle settles the promise that the program has of the step */
  due(step: StepRow, settle: () => void): void {
    this.#due.set(step.delivery as number, settle);
    const next = this.#turning ? undefined : this.#next();
    if (next) void this.#turn(next);
  }

  /** The program has returned: it will not ask for anything that it has not asked for. */
  returned(): void {
    this.#returned = true;
    if (!this.#turning && !this.#live) this.#rested();
  }

  /** What the journal has and the program has not asked for, as the reason of a divergence. */
  unreached(): string | undefined {
    const { asked } = this.#options;
    const missing = this.#recorded.find(({ name }) => !asked.has(name)) ?? this.#run.steps.find(({ name }) => !asked.has(name));
    if (!missing) return undefined;
    const known = new Set(this.#run.steps.map(({ name }) => name));
    const instead = [...asked].filter((name) => !known.has(name)).map((name) => `'${name}'`);
    return (
      `its journal has ${missing.kind} '${missing.name}', which its program does not ask for` +
      (instead.length > 0 ? `; it asks for ${instead.join(', ')} instead` : '')
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

  /** The program rests while it runs over its journal: it goes live, has diverged, or waits for something of its own. */
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
