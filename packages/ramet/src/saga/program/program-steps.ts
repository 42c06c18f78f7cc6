import { DeclaredError, RametError, whenUnawaited } from '../../errors/index.ts';
import { SECOND } from '../../platform/index.ts';
import { type Intent, isWaiting, reread, type StepError, type StepRow } from '../journal/journal.ts';
import { addStep, differs, intend } from '../run/intent.ts';
import { asStop, type Run } from '../run/run.ts';
import { resolve, type Suspension } from '../run/step.ts';
import { Waits } from '../run/waits.ts';
import { Deliveries } from './deliveries.ts';

/** How often a program that awaits something else looks for a cancellation. */
const IDLE_LOOK_MS = 1 * SECOND;

/** Refuses a step that is written wrongly, by throwing. */
type StepCheck = (intent: Intent, given: unknown) => void;
const acceptAny: StepCheck = () => {};

/**
 * The steps of one run of a program. A step in the journal is found by name and returns its recorded outcome, in the order of
 * {@link Deliveries}; a step with a new name is live. `suspend` ends the program: the promise that it awaits never settles.
 */
export class ProgramSteps {
  readonly #run: Run;
  readonly #over: AbortSignal;
  readonly #suspend: (suspension: Suspension) => void;
  readonly #waits: Waits;
  readonly #deliveries: Deliveries;
  readonly #seen = new Set<string>();
  /** Promises that the program may await; and those of them that do not belong to sleeps and waits. */
  readonly #underWay = new Set<Promise<unknown>>();
  readonly #steps = new Set<Promise<unknown>>();
  /** Promises of steps without an undo. */
  readonly #lasting = new Set<Promise<unknown>>();
  /** Set when the program has returned: open sleeps and waits need not end. */
  #returned = false;
  /** Set when the program has thrown: it begins no new step, and the steps under way become definite. */
  #failed = false;
  /** Whether a watch for cancellations runs, because the program awaits something else. */
  #idle = false;
  /** How many calls have no outcome yet, and intents are being written. */
  #calls = 0;
  /** Why the program will be undone, once the calls under way are definite. */
  #ending: Suspension | undefined;

  constructor(run: Run, over: AbortSignal, suspend: (suspension: Suspension) => void) {
    this.#run = run;
    this.#over = over;
    this.#suspend = suspend;
    this.#waits = new Waits(
      run,
      over,
      () => this.#returned || this.#underWay.size > this.#waits.size,
      (suspension) => this.suspend(suspension),
    );
    this.#deliveries = new Deliveries(run, {
      asked: this.#seen,
      over: () => this.over,
      diverged: (reason) => this.suspend({ kind: 'diverged', reason }),
      rested: () => void this.#rested(),
    });
    over.addEventListener('abort', () => this.#deliveries.stop(), { once: true });
  }

  /** Starts the program. */
  start(program: () => void): void {
    this.#deliveries.start(program);
  }

  /** Says which step of the journal a program that ends here has not requested, as the reason of a divergence. */
  unreached(): string | undefined {
    return this.#deliveries.live ? undefined : this.#deliveries.unreached();
  }

  /** Whether a step is being called or stored. */
  get calling(): boolean {
    return this.#calls > 0;
  }

  /** Whether the program must begin no further step. */
  get over(): boolean {
    return this.#over.aborted || this.#ending !== undefined;
  }

  /**
   * Resolves when every step that was begun is definite. A branch that continues after its step begins the next step within one
   * turn of the event loop. Sleeps and waits have no effect: one that is open when the program returns has lost a race.
   */
  ended(): Promise<void> {
    return this.#definiteAll(this.#steps);
  }

  async #definiteAll(steps: ReadonlySet<Promise<unknown>>): Promise<void> {
    this.#deliveries.active();
    this.#returned = true;
    this.#deliveries.returned();
    await this.#deliveries.wentLive;
    const { timers } = this.#run.environment.platform;
    for (; steps.size > 0 || !this.#deliveries.quiet; await timers.yield()) await Promise.allSettled(steps);
  }

  /**
   * Called when the program has thrown. Resolves when the steps without an undo are definite. The others become definite by their
   * undo, which leaves a tombstone.
   */
  failed(): Promise<void> {
    this.#failed = true;
    return this.#definiteAll(this.#lasting);
  }

  /**
   * Begins a step. If the promise rejects before the program awaits it, that must not end the process.
   * @param unlessKnown called for a step that is not in the journal; it may throw to refuse the step
   * @param given what the program wrote behind the call, for `unlessKnown`
   */
  begin(intent: Intent, timeoutMs = 0, unlessKnown: StepCheck = acceptAny, given?: unknown): Promise<any> {
    if (this.#failed && !this.#known(intent.name)) return new Promise(() => {});
    const promise = new Promise<unknown>((resolve, reject) => {
      const deliver = (step: StepRow) => (step.state === 'OK' ? resolve(reread(step.result)) : reject(this.#errorOf(step)));
      this.#definite(intent, timeoutMs, unlessKnown, given).then((step) => step && this.#deliveries.due(step, () => deliver(step)), reject);
    });
    const sets = [
      this.#underWay,
      ...(isWaiting(intent) ? [] : [this.#steps]),
      ...(isWaiting(intent) || intent.undo ? [] : [this.#lasting]),
    ];
    for (const set of sets) set.add(promise);
    const done = () => {
      for (const set of sets) set.delete(promise);
      this.#waits.rouse();
    };
    promise.then(done, done);
    return promise;
  }

  /** Returns a value at once, and the same value when the program runs again. @throws RametError Diverged */
  value<T>(name: string, what: string, make: () => T): T {
    if (this.over || (this.#failed && !this.#known(name))) return make();
    this.#deliveries.active();
    const invocation = { kind: 'value', service: '', operation: what, input: null };
    this.#run.environment.rehearsal?.asked({ name, kind: 'value', invocation }, this.#deliveries.delivered);
    const known = this.recorded(name);
    if (known && (known.kind !== 'value' || known.invocation.operation !== what)) {
      const reason = `${name} was '${known.invocation.operation}' and is '${what}' now`;
      this.suspend({ kind: 'diverged', reason });
      throw new RametError('Diverged', reason);
    }
    if (known) return known.result as T;
    const result = make();
    void this.#keep({ name, kind: 'value', invocation, result });
    return result;
  }

  async #keep(value: Intent): Promise<void> {
    try {
      if (!this.#deliveries.live) await this.#deliveries.wentLive;
      await this.#run.save({}, { inserts: [addStep(this.#run, value)] });
    } catch (error) {
      this.suspend({ kind: 'stopped', error: asStop(error) });
    }
  }

  /** Finds a step in the journal. @throws RametError DuplicateStep when the program has used the name in this run already */
  recorded(name: string): StepRow | undefined {
    if (typeof name !== 'string')
      throw new RametError('WrongStep', `saga '${this.#run.saga.type}' has a step without a name; write a text first`);
    if (this.#seen.has(name)) throw new RametError('DuplicateStep', `saga '${this.#run.saga.type}' has two steps named '${name}'`);
    if (name.endsWith(':undo'))
      throw new RametError('DuplicateStep', `'${name}' ends with ':undo', which is reserved for the undo of a step; rename the step`);
    this.#seen.add(name);
    return this.#known(name);
  }

  #known(name: string): StepRow | undefined {
    return this.#run.steps.find((step) => step.name === name);
  }

  /** Ends the program. Before an undo, the calls under way end, so that all steps are definite; otherwise the program ends at once. */
  suspend(suspension: Suspension): undefined {
    if (suspension.kind === 'compensate') this.#ending ??= suspension;
    if (suspension.kind !== 'compensate') this.#suspend(suspension);
    else if (this.#calls === 0) this.#suspend(this.#ending as Suspension);
  }

  /** Makes a step definite. @returns the step with its outcome; undefined if the program ends before */
  async #definite(intent: Intent, timeoutMs: number, unlessKnown: StepCheck, given: unknown): Promise<StepRow | undefined> {
    if (this.over) return undefined;
    this.#deliveries.active();
    const run = this.#run;
    run.environment.rehearsal?.asked(intent, this.#deliveries.delivered);
    const known = this.recorded(intent.name);
    if (!known) unlessKnown(intent, given);
    const misfit = known ? differs(known, intent) : this.#tooLate(intent);
    if (misfit !== undefined) return this.suspend({ kind: 'diverged', reason: misfit });
    try {
      if (!this.#deliveries.live && known?.delivery === undefined) await this.#deliveries.wentLive;
      if (this.over) return undefined;
      const step = await this.#counted(async () => {
        const stored = known ?? (await intend(run, intent));
        if (!isWaiting(stored) && (stored.state === 'STARTED' || stored.state === 'UNKNOWN')) {
          const suspension = await resolve(run, stored, timeoutMs, known !== undefined, this.#over);
          if (suspension) throw new Suspended(suspension);
        }
        if (run.stopped.aborted) throw run.stopped.reason;
        if (stored.kind === 'pivot' && run.saga.pivoted && !this.#hasPivot) await run.save({ pivoted: false });
        return stored;
      });
      if (this.over) return undefined;
      // A stop that came while the call was still counted waits for this branch.
      if (run.stopped.aborted) throw run.stopped.reason;
      if (isWaiting(step) && step.state === 'STARTED') await this.#waits.until(step);
      return step;
    } catch (error) {
      return this.suspend(this.#whyNot(error));
    }
  }

  /** Counts a call that is under way. After the last one, a pending end of the program takes place. */
  async #counted<T>(call: () => Promise<T>): Promise<T> {
    this.#calls++;
    try {
      return await call();
    } finally {
      this.#calls--;
      if (this.#calls === 0 && this.#ending) this.#suspend(this.#ending);
    }
  }

  /** Makes the error of a step. The program may await it later or never, which must not end the process; it is logged when it happens. */
  #errorOf(step: StepRow): Error {
    const { environment, saga } = this.#run;
    const error = errorOf(this.#run, step);
    return whenUnawaited(error, () => {
      if (!this.#deliveries.live) return;
      environment.log.event('saga_branch_unawaited', { saga: saga.type, sagaId: saga.id, step: step.name, reason: error.message });
    });
  }

  /** Watches for a cancellation while the program is idle and none of its steps is open: it awaits something else, perhaps for ever. */
  async #rested(): Promise<void> {
    const idle = () => !this.over && !this.#returned && this.#underWay.size === 0;
    if (this.#idle || !idle()) return;
    this.#idle = true;
    try {
      while (idle()) {
        await this.#run.environment.platform.timers.sleep(IDLE_LOOK_MS, this.#over);
        if (idle() && (await this.#run.cancelled())) this.suspend({ kind: 'compensate', reason: this.#run.saga.cancelReason as string });
      }
    } catch (error) {
      // The saga has ended, or the store is unavailable: then the next write fails, too.
      if (!this.#over.aborted) this.suspend({ kind: 'stopped', error: asStop(error) });
    } finally {
      this.#idle = false;
    }
  }

  /** Whether a pivot may have happened. If all were refused, the saga can be undone again. */
  get #hasPivot(): boolean {
    return this.#run.steps.some(({ kind, state }) => kind === 'pivot' && state !== 'REJECTED');
  }

  #tooLate({ name, undo }: Intent): string | undefined {
    if (!this.#run.saga.pivoted || !undo) return undefined;
    return `CompensationAfterPivot: step '${name}' has an undo but comes after the pivot`;
  }

  #whyNot(error: unknown): Suspension {
    if (error instanceof Suspended) return error.suspension;
    const stop = asStop(error);
    const { cancelReason } = this.#run.saga;
    if (stop.code === 'Cancelled' && cancelReason !== undefined) return { kind: 'compensate', reason: cancelReason };
    return { kind: 'stopped', error: stop };
  }
}

class Suspended extends Error {
  readonly suspension: Suspension;

  constructor(suspension: Suspension) {
    super('the program does not continue');
    this.suspension = suspension;
  }
}

/** Makes the error with which a program learns that a step did not happen. */
function errorOf(run: Run, { invocation, error }: StepRow): Error {
  const why = reread(error) as StepError;
  if (why.kind === 'fault') return new RametError('BadRequest', `${why.code}: ${why.detail}`);
  return new DeclaredError(why.error, why.status, why.data, run.environment.shown(invocation, why.error, why.data));
}
