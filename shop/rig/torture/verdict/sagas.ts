import { type Check, type Evidence, groupBy, ordersOf } from './check.ts';

export interface SagaRow {
  readonly id: string;
  readonly business_key: string;
  readonly state: string;
  readonly version: number;
  readonly epoch: number;
  readonly pivoted: number;
  readonly failure: string | null;
  readonly attention: string | null;
}

export interface StepRow {
  readonly saga_id: string;
  readonly idx: number;
  readonly name: string;
  readonly kind: string;
  readonly invocation: string;
  readonly undo: string | null;
  readonly state: 'STARTED' | 'OK' | 'REJECTED' | 'UNKNOWN';
  readonly step_key: string;
  readonly comp_state: string | null;
  readonly comp_attempt: number;
}

interface LogRow {
  readonly saga_id: string;
  readonly seq: number;
  readonly actor: string;
  readonly step: string | null;
  readonly was: string | null;
  readonly became: string;
  readonly detail: string | null;
}

const COMPENSATION_ATTEMPTS = 3;

export const sagasOf = ({ databases }: Evidence): SagaRow[] => databases.rows<SagaRow>('orders', 'select * from ramet_sagas order by id');

export const stepsOf = ({ databases }: Evidence): Map<string, StepRow[]> =>
  groupBy(databases.rows<StepRow>('orders', 'select * from ramet_saga_steps order by saga_id, idx'), (step) => step.saga_id);

export const sagaEnds: Check = {
  name: 'each order has one saga: completed when confirmed, compensated when cancelled',
  *violations(evidence) {
    const byOrder = groupBy(sagasOf(evidence), (saga) => saga.business_key);
    for (const order of ordersOf(evidence)) {
      const own = byOrder.get(order.order_id) ?? [];
      byOrder.delete(order.order_id);
      const [saga] = own;
      const state = { confirmed: 'COMPLETED', cancelled: 'COMPENSATED', pending: 'neither' }[order.status];
      if (own.length !== 1 || saga?.state !== state) yield `order ${order.order_id} (${order.status}): ${JSON.stringify(own)}`;
      else if ((saga.pivoted === 1) !== (state === 'COMPLETED') || saga.attention !== null)
        yield `order ${order.order_id} (${order.status}): ${JSON.stringify(saga)}`;
    }
    for (const [key, own] of byOrder) yield `there is a saga for ${key}, which is not an order: ${JSON.stringify(own)}`;
  },
};

export const sagaSteps: Check = {
  name: 'steps agree with their saga: all done, or all that may have been done undone',
  *violations(evidence) {
    const steps = stepsOf(evidence);
    for (const saga of sagasOf(evidence)) {
      const own = steps.get(saga.id) ?? [];
      for (const step of own) {
        const told = `saga ${saga.id} (${saga.business_key}, ${saga.state}), step '${step.name}': ${step.state}, undo ${step.comp_state} after ${step.comp_attempt}`;
        if (step.comp_attempt > COMPENSATION_ATTEMPTS) yield `undone too often: ${told}`;
        if (saga.state === 'COMPLETED' && (step.state !== 'OK' || step.comp_state !== null)) yield told;
        if (saga.state !== 'COMPENSATED') continue;
        if (step.kind === 'pivot') yield `compensated after its pivot: ${told}`;
        const undone = step.state !== 'REJECTED' && step.undo !== null;
        if (step.comp_state !== (undone ? 'COMPENSATED' : null)) yield told;
      }
      const done = own.map(({ name }) => name).join(', ');
      if (saga.state === 'COMPLETED' && done !== 'accept, reserve stock, charge card, book shipment, confirm, mail confirmation')
        yield `saga ${saga.id} (${saga.business_key}) is completed after: ${done}`;
    }
  },
};

export const sagaLogs: Check = {
  name: 'the log of every saga is a legal path',
  *violations(evidence) {
    const steps = stepsOf(evidence);
    const logs = groupBy(
      evidence.databases.rows<LogRow>('orders', 'select * from ramet_saga_log order by saga_id, seq'),
      (entry) => entry.saga_id,
    );
    for (const saga of sagasOf(evidence)) {
      const log = logs.get(saga.id) ?? [];
      const told = () =>
        log
          .map(({ step, was, became, detail }) => `${step ?? 'saga'}: ${was ?? ''}->${became}${detail === null ? '' : ` (${detail})`}`)
          .join('; ');
      for (const wrong of wrongIn(log, saga, steps.get(saga.id) ?? [])) yield `saga ${saga.id} (${saga.business_key}): ${wrong}: ${told()}`;
    }
    yield* evidence.watched;
  },
};

/** Which entry may follow which; an attempt that was under way when the process was killed is made again under its number. */
const NEXT_OF_SAGA: Readonly<Record<string, readonly string[]>> = {
  '': ['RUNNING'],
  RUNNING: ['COMPLETED', 'COMPENSATING'],
  COMPENSATING: ['COMPENSATED'],
};
const NEXT_OF_STEP: Readonly<Record<string, readonly string[]>> = {
  '': ['STARTED'],
  STARTED: ['OK', 'REJECTED', 'UNKNOWN', 'COMP_STARTED'],
  OK: ['COMP_STARTED'],
  UNKNOWN: ['COMP_STARTED'],
  COMP_STARTED: ['COMPENSATED', 'COMP_ATTEMPT_FAILED'],
  COMP_ATTEMPT_FAILED: ['COMP_STARTED', 'COMP_ATTEMPT_FAILED', 'COMPENSATED'],
};

function* wrongIn(log: readonly LogRow[], saga: SagaRow, steps: readonly StepRow[]): Generator<string> {
  let state = '';
  let cancelled = false;
  const at = new Map<string, string>();
  const undone: string[] = [];
  for (const [index, { seq, actor, step, became }] of log.entries()) {
    const where = `entry ${seq}`;
    if (seq !== index + 1) yield `${where} is the ${index + 1}th`;
    if (became === 'CANCEL_REQUESTED') {
      if (cancelled || state !== 'RUNNING' || at.has('confirm')) yield `${where}: a cancellation comes at the wrong time`;
      cancelled = true;
      continue;
    }
    if (actor !== 'engine') yield `${where} is by ${actor}`;
    if (step === null) {
      if (!NEXT_OF_SAGA[state]?.includes(became)) yield `${where}: ${became} follows ${state || 'nothing'}`;
      state = became;
      continue;
    }
    const before = at.get(step) ?? '';
    if (!NEXT_OF_STEP[before]?.includes(became)) yield `${where}: '${step}' is ${became} after ${before || 'nothing'}`;
    // The first step is not given up: its undo is how the owner learns that the saga came to nothing.
    if (became === 'STARTED' && cancelled && at.size > 0) yield `${where}: '${step}' begins after the cancellation`;
    if (became.startsWith('COMP') !== (state === 'COMPENSATING')) yield `${where}: '${step}' is ${became} while the saga is ${state}`;
    if (became === 'COMP_STARTED' && !undone.includes(step)) undone.push(step);
    at.set(step, became);
  }
  if (state !== saga.state) yield `its last state is ${state}, its row says ${saga.state}`;
  for (const step of steps) {
    const last = at.get(step.name);
    const row = step.comp_state ?? step.state;
    if (last !== row) yield `'${step.name}' is ${last} in the log, its row says ${row}`;
  }
  if (at.size !== steps.length) yield `the log has ${at.size} steps, the journal ${steps.length}`;
  const order = steps
    .filter(({ name }) => undone.includes(name))
    .map(({ name }) => name)
    .reverse();
  if (order.join() !== undone.join()) yield `undone in the wrong order`;
}
