import { DeclaredError, RametError } from '../errors/index.ts';
import { type Duration, durationMs, newId, SECOND } from '../platform/index.ts';
import type { Reply } from '../rpc/index.ts';
import type { StepError, StepKind, StepRow } from './journal.ts';
import { asStop, type Run } from './run.ts';
import type { Invocation, SagaContext } from './saga.ts';

/** Why a program does not go on, beside returning and throwing. */
export type Suspension =
  | { readonly kind: 'compensate'; readonly reason: string }
  | { readonly kind: 'diverged'; readonly reason: string }
  | { readonly kind: 'stopped'; readonly error: RametError };

const TIMEOUT_MS = 5 * SECOND;
const DEADLINE_MS = 30 * SECOND;
/** After so many attempts of a step that must succeed, somebody is told. */
const ATTEMPTS_UNTIL_ALERT = 10;

/** Faults after which a step certainly did not and will not happen: the request itself is at fault. */
const DEFINITE = new Set(['BadRequest', 'UnknownOperation', 'Forbidden', 'NotFound', 'MissingIdempotencyKey', 'InvalidOutput']);

/**
 * The context that a program runs against. Steps are found in the journal by name and give what they gave before; an
 * unknown name is live. `suspend` ends the program without its knowledge: the promise it waits for never settles.
 */
export function programContext(run: Run, uses: SagaContext<any>['use'], suspend: (suspension: Suspension) => void): SagaContext<any> {
  const seen = new Set<string>();
  let values = 0;
  const never = (suspension: Suspension): Promise<never> => {
    suspend(suspension);
    return new Promise(() => {});
  };

  const recorded = (name: string): StepRow | undefined => {
    if (seen.has(name)) throw new RametError('DuplicateStep', `saga '${run.saga.type}' has two steps named '${name}'`);
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
        const suspension = await resolve(run, step, timeoutMs);
        if (suspension) return never(suspension);
      }
      if (step.state === 'OK') return step.result;
      throw errorOf(step.error as StepError);
    } catch (error) {
      if (error instanceof DeclaredError || (error instanceof StepRejected && error.step)) throw error;
      const stop = asStop(error);
      if (stop.code === 'Cancelled' && run.saga.cancelReason !== undefined)
        return never({ kind: 'compensate', reason: run.saga.cancelReason });
      return never({ kind: 'stopped', error: stop });
    }
  };

  const value = <T>(make: () => T): T => {
    const name = `value ${++values}`;
    const known = recorded(name);
    if (known) return known.result as T;
    const made = make();
    void run
      .save(
        {},
        { inserts: [rowOf(run, name, 'value', { kind: 'value', service: '', operation: '', input: null }, undefined, undefined, made)] },
      )
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
      return execute(name, 'step', call, o.undo === 'nothing' ? undefined : o.undo, ms(o.timeout, TIMEOUT_MS), deadlineMs);
    },
    pivot: (name, call) => execute(name, 'pivot', call, undefined, TIMEOUT_MS, undefined),
    ask: (name, call) => execute(name, 'ask', call, undefined, TIMEOUT_MS, run.saga.pivoted ? undefined : DEADLINE_MS),
    now: () => new Date(value(() => run.environment.platform.clock.wallNow())),
    id: (prefix) => value(() => newId(run.environment.platform, prefix)),
    random: () => value(() => run.environment.platform.random.next()),
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
    idx: run.steps.length,
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
      // Not before the first step: its undo is how the owner learns that the saga came to nothing.
      refuseWhenCancelled: !run.saga.pivoted && run.steps.length > 1,
    });
  } catch (error) {
    run.steps.splice(run.steps.indexOf(step), 1);
    throw error;
  }
  return step;
}

/**
 * Calls with the step's key until the outcome is definite or the deadline has passed; a step without one is called for ever.
 * @returns a suspension when the outcome stays unknown
 */
async function resolve(run: Run, step: StepRow, timeoutMs: number): Promise<Suspension | undefined> {
  const { clock } = run.environment.platform;
  // After a restart the deadline may be long past; the participant may still know the answer, so it is asked at least once.
  const deadlineMono =
    step.deadlineMs === undefined ? Number.POSITIVE_INFINITY : clock.monoNow() + Math.max(step.remainingMs ?? 0, timeoutMs);
  for (let attempt = 1; ; attempt++) {
    if (run.stopped.aborted) return { kind: 'stopped', error: asStop(run.stopped.reason) };
    const remainingMs = deadlineMono - clock.monoNow();
    const reply = await run.call(step.invocation, {
      timeoutMs: Math.min(timeoutMs, remainingMs),
      ...(step.kind === 'ask'
        ? {}
        : { step: { key: step.stepKey, epoch: run.saga.epoch, undo: false, ...(Number.isFinite(remainingMs) ? { remainingMs } : {}) } }),
    });
    if (settleStep(run, step, reply)) return undefined;
    if (reply.ok || reply.kind === 'declared') throw new RametError('Internal', 'unreachable: a definite reply settles the step');
    if (reply.code === 'StaleOwner') return { kind: 'stopped', error: new RametError('StaleOwner', reply.detail) };
    const hopeless = reply.code === 'StepCancelled' || reply.code === 'EffectInDoubt';
    const waitMs = reply.retryAfterMs ?? 0;
    if (hopeless || clock.monoNow() + waitMs >= deadlineMono) {
      if (step.deadlineMs !== undefined) return unknown(run, step, reply.detail);
    }
    if (step.deadlineMs === undefined && attempt === ATTEMPTS_UNTIL_ALERT) await stuck(run, step, reply.detail);
    await run.pause(attempt, Math.min(waitMs, 30_000));
  }
}

/** Records a definite outcome. @returns false when it is none */
function settleStep(run: Run, step: StepRow, reply: Reply): boolean {
  if (reply.ok) {
    step.state = 'OK';
    step.result = reply.value;
  } else if (reply.kind === 'declared') {
    step.state = 'REJECTED';
    step.error = { kind: 'declared', error: reply.error, status: reply.status, data: reply.data };
  } else if (DEFINITE.has(reply.code) && reply.executed === 'no') {
    step.state = 'REJECTED';
    step.error = {
      kind: 'fault',
      code: reply.code,
      detail: [reply.detail, ...reply.issues.map((issue) => `${issue.path}: ${issue.message}`)].join('; '),
    };
  } else return false;
  run.note(step, {
    actor: 'engine',
    step: step.name,
    was: 'STARTED',
    became: step.state,
    ...(step.error ? { detail: describe(step.error) } : {}),
  });
  return true;
}

const describe = (error: StepError): string => (error.kind === 'declared' ? error.error : `${error.code}: ${error.detail}`);

function unknown(run: Run, step: StepRow, detail: string): Suspension {
  step.state = 'UNKNOWN';
  run.note(step, { actor: 'engine', step: step.name, was: 'STARTED', became: 'UNKNOWN', detail });
  return { kind: 'compensate', reason: `step '${step.name}': no definite answer within its deadline (${detail})` };
}

async function stuck(run: Run, step: StepRow, detail: string): Promise<void> {
  const { saga, environment } = run;
  await run.save(
    { attention: `step '${step.name}' does not succeed: ${detail}` },
    {
      alert: {
        id: `${saga.id}:${step.name}:alert`,
        service: environment.service,
        sagaId: saga.id,
        saga: saga.type,
        key: saga.key,
        step: step.name,
        state: saga.state,
        reason: `saga '${saga.type}' (${saga.key}): step '${step.name}' has failed ${ATTEMPTS_UNTIL_ALERT} times and goes on being retried: ${detail}`,
      },
    },
  );
}
