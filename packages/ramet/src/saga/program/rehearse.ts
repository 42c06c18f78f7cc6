import type { Platform } from '../../platform/index.ts';
import type { Store } from '../../store/index.ts';
import { silentInstrument, silentLog } from '../../telemetry/index.ts';
import type { SagaRow, StepRow } from '../journal/journal.ts';
import { Run, sagaWorks } from '../run/run.ts';
import type { Invocation, Saga } from '../saga.ts';
import { buildersOf, seen } from './calls.ts';
import { runProgram } from './program.ts';

/** A step that a program requested. */
export interface RehearsedStep {
  readonly name: string;
  readonly kind: string;
  readonly invocation: Pick<Invocation, 'service' | 'operation' | 'input'>;
  /** How many outcomes it had received. */
  readonly after: number;
}

/** The result of a rehearsal. */
export interface Rehearsed {
  readonly asked: readonly RehearsedStep[];
  /** `waits`: every recorded outcome was delivered, and the program needs more. */
  readonly end: 'waits' | 'returned' | 'threw' | 'diverged';
  readonly reason?: string;
}

const NEVER = new Promise<never>(() => {});

/** Makes timers that fire one turn of the event loop later: a program that still waits then awaits something else. */
const impatient = (timers: Platform['timers']): Platform['timers'] => ({
  ...timers,
  set(_delayMs, fire) {
    let cancelled = false;
    void timers.yield().then(() => cancelled || fire());
    return {
      cancel() {
        cancelled = true;
      },
    };
  },
});

/**
 * Runs a program over a journal and no further: it calls nothing and writes nothing. Two rehearsals of one journal must request
 * the same steps; a difference means that something outside the journal decides.
 */
export async function rehearse(platform: Platform, program: Saga, saga: SagaRow, journal: readonly StepRow[]): Promise<Rehearsed> {
  const asked: RehearsedStep[] = [];
  const over = Promise.withResolvers<Rehearsed['end']>();
  const run = new Run(
    {
      platform: { ...platform, timers: impatient(platform.timers) },
      store: { write: () => NEVER } as unknown as Store,
      service: '',
      call: () => NEVER,
      shown: () => undefined,
      alerts: undefined as never,
      log: silentLog,
      instrument: silentInstrument,
      works: sagaWorks(),
      caughtUp: () => NEVER,
      rehearsal: {
        asked: ({ name, kind, invocation }, after) => void asked.push({ name, kind, invocation, after }),
        over: (how) => over.resolve(how),
      },
    },
    { ...saga },
    journal.map((step) => ({ ...step })),
  );
  const builders = buildersOf(program);
  const ended = runProgram(run, program, (onMade) => seen(builders, onMade) as never).then((end) => {
    if (end.kind === 'threw') return { end: 'threw', reason: String(end.error) } as const;
    if (end.kind === 'diverged') return { end: 'diverged', reason: end.reason } as const;
    throw new Error(`a rehearsal ended as '${end.kind}'`);
  });
  const end = await Promise.race([over.promise.then((how) => ({ end: how })), ended]);
  return { asked, ...end };
}

/** Cuts a journal back to a number of delivered outcomes. @param whole what the program requests over the whole journal */
export function asOf(journal: readonly StepRow[], whole: Pick<Rehearsed, 'asked'>, delivered: number): StepRow[] {
  const after = new Map(whole.asked.map((asked) => [asked.name, asked.after]));
  return journal
    .filter(({ name }) => (after.get(name) ?? 0) <= delivered)
    .map((step) =>
      step.delivery === undefined || step.delivery <= delivered
        ? { ...step }
        : { ...step, state: 'STARTED', result: undefined, error: undefined, delivery: undefined },
    );
}
