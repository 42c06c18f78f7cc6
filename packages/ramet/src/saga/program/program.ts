import { topicOf } from '../../bus/index.ts';
import { RametError } from '../../errors/index.ts';
import { type Duration, durationMs, newId, SECOND, type Timer, waitMs } from '../../platform/index.ts';
import { type Intent, reread } from '../journal/journal.ts';
import { asStop, type Run, textOf } from '../run/run.ts';
import type { Suspension } from '../run/step.ts';
import type { Invocation, Saga, SagaContext } from '../saga.ts';
import { Drafts } from './drafts.ts';
import { ProgramSteps } from './program-steps.ts';
import { checkStep, wrongStep } from './step-checks.ts';

const TIMEOUT_MS = 5 * SECOND;
/** How long all attempts of a step together may take (default). */
export const DEADLINE_MS = 30 * SECOND;
/** How long the steps under way may take to end when the process stops. */
const STOP_GRACE_MS = 10 * SECOND;

/** The end of a program's run. */
export type ProgramEnd =
  | Suspension
  | { readonly kind: 'returned'; readonly value: unknown }
  | { readonly kind: 'threw'; readonly error: unknown };

/**
 * Runs a program over the journal until it returns, throws, or cannot continue. Before it counts as returned or failed, all its steps
 * have ended, even those that it did not await. Sleeps and waits need not end, because they have no effect. After the end, a parallel
 * branch takes no further step: the journal then holds every intent, and the compensation knows them all.
 */
export async function runProgram(
  run: Run,
  program: Saga,
  usesOf: (onMade: (call: Invocation) => void) => SagaContext<any>['use'],
): Promise<ProgramEnd> {
  const over = new AbortController();
  let timer: Timer | undefined;
  let onStop = () => {};
  try {
    const end = await new Promise<ProgramEnd>((resolve) => {
      let failure: ProgramEnd | undefined;
      const finish = (how: ProgramEnd) => {
        // If a step stays unknown while a failed program ends, the first reason counts.
        resolve(how.kind === 'compensate' ? (failure ?? how) : how);
        over.abort(new RametError('StepCancelled', 'the program has ended'));
      };
      const steps = new ProgramSteps(run, over.signal, finish);
      // A step under way may end; the process does not wait for anything else of the program.
      onStop = () => {
        const stopped = () => finish({ kind: 'stopped', error: asStop(run.stopped.reason) });
        if (!steps.calling || run.stopped.reason.code !== 'ShuttingDown') stopped();
        else timer = run.environment.platform.timers.set(STOP_GRACE_MS, stopped);
      };
      if (run.stopped.aborted) return onStop();
      run.stopped.addEventListener('abort', onStop, { once: true });
      const drafts = new Drafts();
      const returned = async (value: unknown): Promise<ProgramEnd> => {
        await steps.ended();
        drafts.check();
        // A result that cannot be stored is an error of the program; it fails here, not at each attempt to write it.
        JSON.stringify(value);
        return { kind: 'returned', value };
      };
      const threw = async (error: unknown): Promise<void> => {
        const unreached = steps.unreached();
        if (unreached !== undefined) return finish({ kind: 'diverged', reason: `${unreached}; it throws ${textOf(error)} before` });
        failure = { kind: 'threw', error };
        await steps.failed();
        finish(failure);
      };
      const uses = usesOf((call) => drafts.made(call));
      const context = programContext(run, program, uses, steps, drafts);
      steps.start(() => {
        void Promise.resolve()
          .then(() => program.run(reread(run.saga.input), context))
          .then(returned)
          .then(finish, threw);
      });
    });
    // Intents that were being written are in the journal now, perhaps with the pivot.
    await run.written();
    return end;
  } finally {
    timer?.cancel();
    run.stopped.removeEventListener('abort', onStop);
  }
}

/** Makes the context of a program. */
function programContext(run: Run, program: Saga, uses: SagaContext<any>['use'], steps: ProgramSteps, drafts: Drafts): SagaContext<any> {
  let values = 0;
  const value = <T>(what: string, make: () => T): T => steps.value(`value ${++values}`, what, make);
  // One function for all steps: it runs for each of them, in each replay.
  const check = (intent: Intent, given: unknown): void => {
    checkStep(program, intent, given);
    if (intent.kind === 'pivot') drafts.check();
  };

  return {
    sagaId: run.saga.id,
    use: uses,
    step: (name, call, o) => {
      drafts.given(call, o?.undo);
      const undo = o?.undo === 'nothing' ? undefined : o?.undo;
      // After the pivot a saga only goes forward: a step is retried until it is done.
      const deadlineMs = run.saga.pivoted ? undefined : msOf(name, 'deadline', o?.deadline, DEADLINE_MS);
      return steps.begin(
        { name, kind: 'step', invocation: call, undo, deadlineMs },
        msOf(name, 'timeout', o?.timeout, TIMEOUT_MS),
        check,
        o,
      );
    },
    pivot: (name, call, given?: unknown) => {
      drafts.given(call);
      return steps.begin({ name, kind: 'pivot', invocation: call }, TIMEOUT_MS, check, given);
    },
    ask: (name, call, given?: unknown) => {
      drafts.given(call);
      const deadlineMs = run.saga.pivoted ? undefined : DEADLINE_MS;
      return steps.begin({ name, kind: 'ask', invocation: call, deadlineMs }, TIMEOUT_MS, check, given);
    },
    parallel: (branches) => joined(branches),
    sleep: (name, duration) => steps.begin({ name, kind: 'sleep', invocation: SLEEP, deadlineMs: waitMs(duration) }),
    waitFor: (name, event, { key, timeout }) => {
      const topic = topicOf(event.service, event.name);
      if (!program.waitsFor.some((declared) => topicOf(declared.service, declared.name) === topic))
        throw new RametError(
          'UnknownEvent',
          `saga '${run.saga.type}' waits for '${topic}', which its 'waitsFor' does not name; add it there`,
        );
      const invocation = { kind: 'event', service: event.service, operation: event.name, input: { key: String(key) } };
      return steps.begin({ name, kind: 'wait', invocation, deadlineMs: waitMs(timeout), awaits: { event: topic, key: String(key) } });
    },
    now: () => new Date(value('now', () => run.environment.platform.clock.wallNow())),
    id: (prefix) => value(`id ${prefix}`, () => newId(run.environment.platform, prefix)),
    random: () => value('random', () => run.environment.platform.random.next()),
  };
}

/** Reads a duration among the options of a step. @throws RametError WrongStep when it is not a duration */
function msOf(name: string, option: 'timeout' | 'deadline', duration: Duration | undefined, otherwise: number): number {
  if (duration === undefined) return otherwise;
  try {
    return durationMs(duration);
  } catch (error) {
    throw wrongStep('step', name, `the ${option} is wrong: ${(error as Error).message}`);
  }
}

/** The invocation of a sleep, which makes no call. The duration is not part of it: after a deploy that shortens a sleep, it is still the same step. */
const SLEEP = { kind: 'sleep', service: '', operation: 'sleep', input: null };

/** Waits for all branches; throws the error of the first failed branch in the order in which they are written, not in time. */
function joined<B extends Readonly<Record<string, PromiseLike<unknown>>>>(branches: B): Promise<any> {
  const all = async () => {
    const ends = await Promise.allSettled(Object.values(branches));
    const failed = ends.find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
    return Object.fromEntries(Object.keys(branches).map((name, i) => [name, (ends[i] as PromiseFulfilledResult<unknown>).value]));
  };
  const join = all();
  // A join that fails before the program awaits it must not end the process.
  join.catch(() => {});
  return join;
}
