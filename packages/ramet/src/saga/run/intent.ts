import type { Intent, StepKind, StepRow } from '../journal/journal.ts';
import type { Invocation } from '../saga.ts';
import type { Run } from './run.ts';

/** Stores what a step does, and how to undo it, before the step is called. A pending cancellation takes precedence. */
export async function intend(run: Run, intent: Intent): Promise<StepRow> {
  if (run.stopped.aborted) throw run.stopped.reason;
  const step = addStep(run, intent);
  try {
    await run.intend(step, !run.saga.pivoted && yieldsToCancellation(run, step));
  } catch (error) {
    run.steps.splice(run.steps.indexOf(step), 1);
    throw error;
  }
  return step;
}

/** Adds a step to the journal in memory; the caller writes it. */
export function addStep(run: Run, { name, kind, invocation, undo, deadlineMs, awaits, result }: Intent): StepRow {
  const step: StepRow = {
    idx: (run.steps.at(-1)?.idx ?? -1) + 1,
    name,
    kind,
    invocation,
    undo,
    stepKey: `${run.saga.id}:${name}`,
    intentAt: 0,
    deadlineMs,
    awaits,
    remainingMs: deadlineMs,
    ageMs: -run.inHandMs,
    state: kind === 'value' ? 'OK' : 'STARTED',
    result,
    error: undefined,
    compState: undefined,
    compAttempt: 0,
    compError: undefined,
    delivery: undefined,
  };
  run.steps.push(step);
  return step;
}

/**
 * Says whether a pending cancellation takes precedence over a step. It does not over the first step, because the undo of that step is how
 * the owner learns that the saga was undone. It always does over a pivot, which has no undo, and over a sleep or a wait.
 */
export const yieldsToCancellation = (run: Run, step: StepRow): boolean =>
  step.kind === 'pivot' || step.kind === 'sleep' || step.kind === 'wait' || hasBegun(run, step);

/** Whether there is a step besides `but`; queries and values leave nothing to undo. */
const hasBegun = (run: Run, but: StepRow): boolean => run.steps.some((step) => step !== but && step.kind === 'step');

/** Says how the program differs from the one that wrote the journal; undefined if it fits. */
export function differs(known: StepRow, { kind, invocation }: Intent): string | undefined {
  const had = describe(known.kind, known.invocation);
  const has = describe(kind, invocation);
  if (had !== has) return `step '${known.name}' was '${had}' and is '${has}' now`;
  if (stable(known.invocation.input) !== stable(invocation.input)) return `step '${known.name}' has another input than when it began`;
  return undefined;
}

const describe = (kind: StepKind, call: Invocation): string => (kind === 'sleep' ? kind : `${kind} ${call.service}.${call.operation}`);

const stable = (value: unknown): string =>
  JSON.stringify(value, (_key, inner: unknown) =>
    typeof inner === 'object' && inner !== null && !Array.isArray(inner)
      ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1)))
      : inner,
  );
