import { RametError } from '../../errors/index.ts';
import { isoOf } from '../../platform/index.ts';
import { type Newest, newestFirst, type Store } from '../../store/index.ts';
import {
  type CompState,
  isWaiting,
  loadSteps,
  type SagaRow,
  type SagaState,
  type StepKind,
  type StepRow,
  type StepState,
  sagaOf,
} from '../journal/journal.ts';
import type { Invocation } from '../saga.ts';

/** A saga as operators read it. */
export interface SagaRecord {
  readonly sagaId: string;
  readonly saga: string;
  readonly service: string;
  readonly key: string;
  readonly status: 'running' | 'compensating' | 'completed' | 'failed';
  readonly state: SagaState;
  readonly currentStepIndex: number;
  readonly completedSteps: readonly string[];
  readonly compensatedSteps: readonly string[];
  readonly context: { readonly input: unknown; readonly results: Readonly<Record<string, unknown>> };
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly failureReason?: string;
  /** Why the saga needs an operator; absent if it does not. */
  readonly attention?: string;
  /** The open sleeps and waits, and until when. */
  readonly waiting?: readonly { readonly step: string; readonly until: string }[];
}

/** A saga with its steps and its log, as operators read it. */
export interface SagaDetail extends SagaRecord {
  readonly initiator: string;
  readonly initiatorIssuer?: string;
  readonly correlationId: string;
  readonly programVersion: number;
  readonly epoch: number;
  readonly steps: readonly StepView[];
  readonly log: readonly {
    readonly at: string;
    readonly actor: string;
    readonly step?: string;
    readonly was?: string;
    readonly became: string;
    readonly detail?: string;
  }[];
}

/** A step as operators read it. */
export interface StepView {
  readonly name: string;
  readonly kind: Exclude<StepKind, 'value'>;
  /** As in the journal; an open sleep or wait is `WAITING`. */
  readonly state: StepState | 'WAITING';
  /** The command or query; for a wait, the event with its key. */
  readonly call: string;
  /** When the time of an open sleep or wait is over: ISO 8601. */
  readonly until?: string;
  readonly undo?: string;
  readonly input: unknown;
  readonly result?: unknown;
  readonly error?: unknown;
  readonly compensation?: { readonly state: CompState; readonly attempts: number; readonly error?: string };
}

/** Identifies a value: the input of a saga, the input or the answer of a step, or the data of a declared failure. */
export type Masked =
  | { readonly saga: string }
  | { readonly invocation: Invocation; readonly part: 'input' | 'result' }
  | { readonly invocation: Invocation; readonly failure: string };

/** Hides the secrets of a value; a value that it does not know is hidden as a whole. */
export type Masker = (what: Masked, value: unknown) => unknown;

const STATUS: Readonly<Record<SagaState, SagaRecord['status'] | undefined>> = {
  RUNNING: 'running',
  COMPENSATING: 'compensating',
  COMPLETED: 'completed',
  COMPENSATED: 'failed',
  COMPENSATION_FAILED: 'compensating',
  IN_DOUBT: 'compensating',
  DIVERGED: undefined,
};

/** Reads a page of the sagas of a store, newest first. */
export async function listSagas(
  store: Store,
  masker: Masker,
  { state, attention, ...page }: Newest & { readonly state?: SagaState; readonly attention?: boolean },
): Promise<SagaRecord[]> {
  // Each filter has its index, and so have both together; the query must not use the index of open sagas instead.
  const conditions = [...(state ? ['state = ?'] : []), ...(attention ? ['attention is not null'] : state ? ['created_at > 0'] : [])];
  const { sql, params } = newestFirst('created_at', page, conditions, state ? [state] : []);
  const rows = await store.reader.all<Record<string, string | number | null>>(`select * from ramet_sagas ${sql}`, ...params);
  return Promise.all(rows.map(async (row) => recordOf(store.service, sagaOf(row), await loadSteps(store, row['id'] as string), masker)));
}

/** Says whether a store has a saga. */
export const hasSaga = async (store: Store, id: string): Promise<boolean> =>
  (await store.reader.get('select 1 from ramet_sagas where id = ?', id)) !== undefined;

/** Reads one saga with its steps and its log. @throws RametError UnknownSaga */
export async function showSaga(store: Store, masker: Masker, id: string): Promise<SagaDetail> {
  const row = await store.reader.get<Record<string, string | number | null>>('select * from ramet_sagas where id = ?', id);
  if (!row) throw new RametError('UnknownSaga', `there is no saga '${id}' in '${store.service}'`);
  const saga = sagaOf(row);
  const steps = await loadSteps(store, id);
  const log = await store.reader.all<Record<string, string | number | null>>(
    'select * from ramet_saga_log where saga_id = ? order by seq',
    id,
  );
  return {
    ...recordOf(store.service, saga, steps, masker),
    initiator: saga.initiator,
    ...(saga.initiatorIssuer === undefined ? {} : { initiatorIssuer: saga.initiatorIssuer }),
    correlationId: saga.trace.correlationId,
    programVersion: saga.programVersion,
    epoch: saga.epoch,
    steps: steps.filter((step) => step.kind !== 'value').map((step) => viewOf(step, masker)),
    log: log.map((entry) => ({
      at: isoOf(Number(entry['at'])),
      actor: entry['actor'] as string,
      ...(entry['step'] ? { step: entry['step'] as string } : {}),
      ...(entry['was'] ? { was: entry['was'] as string } : {}),
      became: entry['became'] as string,
      ...(entry['detail'] ? { detail: entry['detail'] as string } : {}),
    })),
  };
}

function recordOf(service: string, saga: SagaRow, steps: readonly StepRow[], masker: Masker): SagaRecord {
  const own = steps.filter((step) => step.kind !== 'value');
  const undone = own.some((step) => step.compState !== undefined) || saga.failure !== undefined;
  const waiting = own.flatMap((step) => {
    const until = untilOf(step);
    return until === undefined ? [] : [{ step: step.name, until }];
  });
  // After an operator has skipped an undo, the saga has ended: it failed, and no longer needs an operator.
  const skipped = saga.state === 'COMPENSATION_FAILED' && saga.attention === undefined;
  return {
    sagaId: saga.id,
    saga: saga.type,
    service,
    key: saga.key,
    status: skipped ? 'failed' : (STATUS[saga.state] ?? (undone ? 'compensating' : 'running')),
    state: saga.state,
    currentStepIndex: Math.max(0, own.length - (own.at(-1)?.state === 'STARTED' ? 1 : 0)),
    completedSteps: own.filter((step) => step.state === 'OK').map((step) => step.name),
    compensatedSteps: own.filter((step) => step.compState === 'COMPENSATED').map((step) => step.name),
    context: {
      input: masker({ saga: saga.type }, saga.input),
      results: Object.fromEntries(own.filter((step) => step.result !== undefined).map((step) => [step.name, resultOf(step, masker)])),
    },
    startedAt: isoOf(saga.createdAt),
    updatedAt: isoOf(saga.updatedAt),
    ...(saga.failure === undefined ? {} : { failureReason: saga.failure }),
    ...(saga.attention === undefined ? {} : { attention: saga.attention }),
    ...(waiting.length === 0 ? {} : { waiting }),
  };
}

/** Returns when the time of an open sleep or wait is over; undefined for any other step. */
const untilOf = (step: StepRow): string | undefined =>
  isWaiting(step) && step.state === 'STARTED' && step.deadlineMs !== undefined ? isoOf(step.intentAt + step.deadlineMs) : undefined;

const resultOf = ({ invocation, result }: StepRow, masker: Masker): unknown => masker({ invocation, part: 'result' }, result);

const errorOf = ({ invocation, error }: StepRow, masker: Masker): unknown =>
  error?.kind === 'declared' ? { ...error, data: masker({ invocation, failure: error.error }, error.data) } : error;

const callOf = ({ kind, invocation, awaits }: StepRow): string =>
  kind === 'sleep' ? 'sleep' : `${invocation.service}.${invocation.operation}${awaits ? ` of ${awaits.key}` : ''}`;

function viewOf(step: StepRow, masker: Masker): StepView {
  const until = untilOf(step);
  return {
    name: step.name,
    kind: step.kind as StepView['kind'],
    state: until === undefined ? step.state : 'WAITING',
    call: callOf(step),
    ...(until === undefined ? {} : { until }),
    input: masker({ invocation: step.invocation, part: 'input' }, step.invocation.input),
    ...(step.undo ? { undo: `${step.undo.service}.${step.undo.operation}` } : {}),
    ...(step.result === undefined ? {} : { result: resultOf(step, masker) }),
    ...(step.error === undefined ? {} : { error: errorOf(step, masker) }),
    ...(step.compState === undefined
      ? {}
      : { compensation: { state: step.compState, attempts: step.compAttempt, ...(step.compError ? { error: step.compError } : {}) } }),
  };
}
