import { DeclaredError, RametError } from '../errors/index.ts';
import { type Duration, durationMs, newId, SECOND, type Timer } from '../platform/index.ts';
import type { StepError, StepKind, StepRow } from './journal.ts';
import { asStop, type Run } from './run.ts';
import type { Invocation, Saga, SagaContext } from './saga.ts';
import { resolve, type Suspension } from './step.ts';

const TIMEOUT_MS = 5 * SECOND;
const DEADLINE_MS = 30 * SECOND;
/** How long steps under way may take to end when the process stops. */
const STOP_GRACE_MS = 10 * SECOND;

/** How a program came to its end. */
export type End = Suspension | { readonly kind: 'returned'; readonly value: unknown } | { readonly kind: 'threw'; readonly error: unknown };

/**
 * Runs a program over the journal until it returns, throws, or cannot go on. Steps that it did not wait for are waited for
 * before it counts as returned. Once it has ended, whatever is left of it (a parallel branch, a step of it under way) takes
 * no further step: the journal holds every intent there will be, and so does the compensation.
 */
export async function runProgram(run: Run, program: Saga, uses: SagaContext<any>['use']): Promise<End> {
  const over = new AbortController();
  const underWay = new Set<Promise<unknown>>();
  let timer: Timer | undefined;
  let onStop = () => {};
  try {
    const end = await new Promise<End>((resolve) => {
      const finish = (how: End) => {
        resolve(how);
        over.abort(new RametError('StepCancelled', 'the program has ended'));
      };
      // A step under way may come to its end; a program that waits for anything else is not waited for.
      onStop = () => {
        const stopped = () => finish({ kind: 'stopped', error: asStop(run.stopped.reason) });
        if (underWay.size === 0 || run.stopped.reason.code !== 'ShuttingDown') stopped();
        else timer = run.environment.platform.timers.set(STOP_GRACE_MS, stopped);
      };
      if (run.stopped.aborted) return onStop();
      run.stopped.addEventListener('abort', onStop, { once: true });
      const returned = async (value: unknown): Promise<End> => {
        // A branch that goes on after its step begins the next one within a turn.
        for (; underWay.size > 0; await run.environment.platform.timers.yield()) await Promise.allSettled(underWay);
        // What cannot be kept is an error of the program, and is met here rather than at each attempt to write it.
        JSON.stringify(value);
        return { kind: 'returned', value };
      };
      const context = programContext(run, uses, finish, over.signal, underWay);
      Promise.resolve()
        .then(() => program.run(run.saga.input, context))
        .then(returned)
        .then(finish, (error: unknown) => finish({ kind: 'threw', error }));
    });
    // Intents that were on their way are in the journal now, and the pivot, if it was among them.
    await run.written();
    return end;
  } finally {
    timer?.cancel();
    run.stopped.removeEventListener('abort', onStop);
  }
}

/**
 * The context that a program runs against. Steps are found in the journal by name and give what they gave before; an
 * unknown name is live. `suspend` ends the program without its knowledge: the promise it waits for never settles.
 */
function programContext(
  run: Run,
  uses: SagaContext<any>['use'],
  suspend: (suspension: Suspension) => void,
  over: AbortSignal,
  underWay: Set<Promise<unknown>>,
): SagaContext<any> {
  const seen = new Set<string>();
  let values = 0;
  const never = (suspension: Suspension): Promise<never> => {
    suspend(suspension);
    return new Promise(() => {});
  };

  const recorded = (name: string): StepRow | undefined => {
    if (seen.has(name)) throw new RametError('DuplicateStep', `saga '${run.saga.type}' has two steps named '${name}'`);
    if (name.endsWith(':undo')) throw new RametError('DuplicateStep', `'${name}' is how participants call the undo of another step`);
    seen.add(name);
    return run.steps.find((step) => step.name === name);
  };

  const execute = async (
    name: string,
    kind: StepKind,
    call: Invocation,
    undo: Invocation | undefined,
    timeoutMs: number,
    deadlineMs: number | undefined,
  ): Promise<any> => {
    if (over.aborted) return new Promise(() => {});
    const known = recorded(name);
    if (known) {
      const difference = differs(known, kind, call);
      if (difference) return never({ kind: 'diverged', reason: difference });
    } else if (run.saga.pivoted && undo) {
      return never({ kind: 'diverged', reason: `CompensationAfterPivot: step '${name}' has an undo but comes after the pivot` });
    }
    try {
      const step = known ?? (await intend(run, name, kind, call, undo, deadlineMs));
      if (step.state === 'STARTED' || step.state === 'UNKNOWN') {
        const suspension = await resolve(run, step, timeoutMs, known !== undefined, over);
        if (suspension) return never(suspension);
      }
      if (run.stopped.aborted) throw run.stopped.reason;
      if (step.state === 'OK') return step.result;
      // A pivot that was refused is no point of no return: nothing happened, and the saga may go either way again.
      if (kind === 'pivot' && run.saga.pivoted) await run.save({ pivoted: false });
      throw errorOf(step.error as StepError);
    } catch (error) {
      if (error instanceof DeclaredError || (error instanceof StepRejected && error.step)) throw error;
      const stop = asStop(error);
      if (stop.code === 'Cancelled' && run.saga.cancelReason !== undefined)
        return never({ kind: 'compensate', reason: run.saga.cancelReason });
      return never({ kind: 'stopped', error: stop });
    }
  };

  /** A step's promise; one that is refused while nobody waits for it must not end the process. */
  const begin = (...step: Parameters<typeof execute>): Promise<any> => {
    const promise = execute(...step);
    underWay.add(promise);
    const done = () => void underWay.delete(promise);
    promise.then(done, done);
    return promise;
  };

  const value = <T>(what: string, make: () => T): T => {
    if (over.aborted) return make();
    const name = `value ${++values}`;
    const known = recorded(name);
    if (known) {
      if (known.invocation.operation === what) return known.result as T;
      const reason = `${name} was '${known.invocation.operation}' and is '${what}' now`;
      suspend({ kind: 'diverged', reason });
      throw new RametError('Diverged', reason);
    }
    const made = make();
    const invocation = { kind: 'value', service: '', operation: what, input: null };
    void run
      .save({}, { inserts: [rowOf(run, name, 'value', invocation, undefined, undefined, made)] })
      .catch((error: unknown) => suspend({ kind: 'stopped', error: asStop(error) }));
    return made;
  };
  const ms = (duration: Duration | undefined, otherwise: number) => (duration === undefined ? otherwise : durationMs(duration));

  return {
    sagaId: run.saga.id,
    use: uses,
    step: (name, call, o) => {
      // After the pivot there is only forward: a step is then retried until it is done.
      const deadlineMs = run.saga.pivoted ? undefined : ms(o.deadline, DEADLINE_MS);
      return begin(name, 'step', call, o.undo === 'nothing' ? undefined : o.undo, ms(o.timeout, TIMEOUT_MS), deadlineMs);
    },
    pivot: (name, call) => begin(name, 'pivot', call, undefined, TIMEOUT_MS, undefined),
    ask: (name, call) => begin(name, 'ask', call, undefined, TIMEOUT_MS, run.saga.pivoted ? undefined : DEADLINE_MS),
    now: () => new Date(value('now', () => run.environment.platform.clock.wallNow())),
    id: (prefix) => value(`id ${prefix}`, () => newId(run.environment.platform, prefix)),
    random: () => value('random', () => run.environment.platform.random.next()),
  };
}

/** A definite refusal by a fault, such as an input that does not fit: thrown in the program, which need not know it. */
class StepRejected extends RametError {
  readonly step = true;
}

function errorOf(error: StepError): Error {
  if (error.kind === 'declared') return new DeclaredError(error.error, error.status, error.data);
  return new StepRejected('BadRequest', `${error.code}: ${error.detail}`);
}

function differs(known: StepRow, kind: StepKind, call: Invocation): string | undefined {
  const had = `${known.kind} ${known.invocation.service}.${known.invocation.operation}`;
  const has = `${kind} ${call.service}.${call.operation}`;
  if (had !== has) return `step '${known.name}' was '${had}' and is '${has}' now`;
  if (stable(known.invocation.input) !== stable(call.input)) return `step '${known.name}' has another input than when it began`;
  return undefined;
}

const stable = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );

function rowOf(
  run: Run,
  name: string,
  kind: StepKind,
  invocation: Invocation,
  undo: Invocation | undefined,
  deadlineMs: number | undefined,
  result?: unknown,
): StepRow {
  const step: StepRow = {
    idx: (run.steps.at(-1)?.idx ?? -1) + 1,
    name,
    kind,
    invocation,
    undo,
    stepKey: `${run.saga.id}:${name}`,
    intentAt: 0,
    deadlineMs,
    remainingMs: deadlineMs,
    state: kind === 'value' ? 'OK' : 'STARTED',
    result,
    error: undefined,
    compState: undefined,
    compAttempt: 0,
    compError: undefined,
  };
  run.steps.push(step);
  return step;
}

/** Whether there is a step beside `but`: what was only asked or drawn is nothing to undo. */
const hasBegun = (run: Run, but: StepRow): boolean => run.steps.some((step) => step !== but && step.kind === 'step');

/** Stores what is about to be done, and how to undo it, before it is done. A cancellation asked for meanwhile goes first. */
async function intend(
  run: Run,
  name: string,
  kind: StepKind,
  call: Invocation,
  undo: Invocation | undefined,
  deadlineMs: number | undefined,
): Promise<StepRow> {
  if (run.stopped.aborted) throw run.stopped.reason;
  const step = rowOf(run, name, kind, call, undo, deadlineMs);
  try {
    await run.save(kind === 'pivot' ? { pivoted: true } : {}, {
      inserts: [step],
      entries: [{ actor: 'engine', step: name, became: 'STARTED' }],
      // Not before the first step: its undo is how the owner learns that the saga came to nothing. A pivot has no undo.
      refuseWhenCancelled: !run.saga.pivoted && (kind === 'pivot' || hasBegun(run, step)),
    });
  } catch (error) {
    run.steps.splice(run.steps.indexOf(step), 1);
    throw error;
  }
  return step;
}
