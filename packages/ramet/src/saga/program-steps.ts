import { DeclaredError, RametError } from '../errors/index.ts';
import { differs, type Intent, intend } from './intent.ts';
import { isRest, type StepError, type StepRow } from './journal.ts';
import { Rests } from './rests.ts';
import { asStop, type Run } from './run.ts';
import { resolve, type Suspension } from './step.ts';

/**
 * The steps of one run of a program. They are found in the journal by name and give what they gave before; an unknown name
 * is live. `suspend` ends the program without its knowledge: the promise it waits for never settles.
 */
export class ProgramSteps {
  readonly #run: Run;
  readonly #over: AbortSignal;
  readonly #suspend: (suspension: Suspension) => void;
  readonly #rests: Rests;
  readonly #seen = new Set<string>();
  /** Promises that the program may be waiting for. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Calls whose outcome is open, and intents on their way. */
  #calls = 0;
  /** Why the program is undone, as soon as the calls that are under way are definite. */
  #ending: Suspension | undefined;

  constructor(run: Run, over: AbortSignal, suspend: (suspension: Suspension) => void) {
    this.#run = run;
    this.#over = over;
    this.#suspend = suspend;
    this.#rests = new Rests(
      run,
      over,
      () => this.#underWay.size > this.#rests.size,
      (suspension) => this.suspend(suspension),
    );
  }

  /** Whether a step is being called or stored. */
  get calling(): boolean {
    return this.#calls > 0;
  }

  /** Whether the program must begin nothing more. */
  get over(): boolean {
    return this.#over.aborted || this.#ending !== undefined;
  }

  /** Resolves when nothing that was begun is under way. A branch that goes on after its step begins the next one within a turn. */
  async ended(): Promise<void> {
    for (; this.#underWay.size > 0; await this.#run.environment.platform.timers.yield()) await Promise.allSettled(this.#underWay);
  }

  /** A step's promise; one that is refused while nobody waits for it must not end the process. */
  begin(intent: Intent, timeoutMs = 0): Promise<any> {
    const promise = this.#execute(intent, timeoutMs);
    this.#underWay.add(promise);
    const done = () => {
      this.#underWay.delete(promise);
      this.#rests.rouse();
    };
    promise.then(done, done);
    return promise;
  }

  /** Finds a step in the journal. @throws RametError DuplicateStep when this run has met the name already */
  recorded(name: string): StepRow | undefined {
    if (this.#seen.has(name)) throw new RametError('DuplicateStep', `saga '${this.#run.saga.type}' has two steps named '${name}'`);
    if (name.endsWith(':undo')) throw new RametError('DuplicateStep', `'${name}' is how participants call the undo of another step`);
    this.#seen.add(name);
    return this.#run.steps.find((step) => step.name === name);
  }

  /** What is undone is definite: calls under way come to their ends first. Anything else ends the program at once. */
  suspend(suspension: Suspension): void {
    if (suspension.kind === 'compensate') this.#ending ??= suspension;
    if (suspension.kind !== 'compensate') this.#suspend(suspension);
    else if (this.#calls === 0) this.#suspend(this.#ending as Suspension);
  }

  async #execute(intent: Intent, timeoutMs: number): Promise<any> {
    if (this.over) return forever();
    const run = this.#run;
    const known = this.recorded(intent.name);
    const misfit = known ? differs(known, intent) : this.#tooLate(intent);
    if (misfit !== undefined) return this.#never({ kind: 'diverged', reason: misfit });
    try {
      const step = await this.#counted(async () => {
        const stored = known ?? (await intend(run, intent));
        if (!isRest(stored) && (stored.state === 'STARTED' || stored.state === 'UNKNOWN')) {
          const suspension = await resolve(run, stored, timeoutMs, known !== undefined, this.#over);
          if (suspension) throw new Suspended(suspension);
        }
        if (run.stopped.aborted) throw run.stopped.reason;
        // A pivot that was refused is no point of no return: nothing happened, and the saga may go either way again.
        if (stored.kind === 'pivot' && stored.state === 'REJECTED' && run.saga.pivoted) await run.save({ pivoted: false });
        return stored;
      });
      if (this.over) return forever();
      if (isRest(step)) return step.state === 'OK' ? step.result : await this.#rests.until(step);
      if (step.state === 'OK') return step.result;
      throw errorOf(step.error as StepError, (error, data) => run.environment.shown(step.invocation, error, data));
    } catch (error) {
      if (error instanceof DeclaredError || (error instanceof StepRejected && error.step)) throw error;
      return this.#never(this.#whyNot(error));
    }
  }

  /** Counts a call that is under way; when it was the last one, what waited for it goes on. */
  async #counted<T>(call: () => Promise<T>): Promise<T> {
    this.#calls++;
    try {
      return await call();
    } finally {
      this.#calls--;
      if (this.#calls === 0 && this.#ending) this.#suspend(this.#ending);
    }
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

  #never(suspension: Suspension): Promise<never> {
    this.suspend(suspension);
    return forever();
  }
}

const forever = (): Promise<never> => new Promise(() => {});

class Suspended extends Error {
  readonly suspension: Suspension;

  constructor(suspension: Suspension) {
    super('the program does not go on');
    this.suspension = suspension;
  }
}

/** A definite refusal by a fault, such as an input that does not fit: thrown in the program, which need not know it. */
class StepRejected extends RametError {
  readonly step = true;
}

function errorOf(error: StepError, shown: (error: string, data: unknown) => unknown): Error {
  if (error.kind === 'declared') return new DeclaredError(error.error, error.status, error.data, shown(error.error, error.data));
  return new StepRejected('BadRequest', `${error.code}: ${error.detail}`);
}
