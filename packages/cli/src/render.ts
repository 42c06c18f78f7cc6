/** Text as columns, each as wide as its widest cell. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? '').length)));
  return rows
    .map((row) =>
      row
        .map((cell, column) => cell.padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

export interface SagaSummary {
  readonly sagaId: string;
  readonly saga: string;
  readonly service: string;
  readonly key: string;
  readonly status: string;
  readonly state: string;
  readonly startedAt: string;
  readonly updatedAt: string;
  readonly completedSteps: readonly string[];
  readonly compensatedSteps: readonly string[];
  readonly failureReason?: string;
  readonly attention?: string;
}

export interface SagaDetail extends SagaSummary {
  readonly initiator: string;
  readonly correlationId: string;
  readonly programVersion: number;
  readonly context: { readonly input: unknown };
  readonly steps: readonly {
    readonly name: string;
    readonly kind: string;
    readonly state: string;
    readonly call: string;
    readonly undo?: string;
    readonly result?: unknown;
    readonly error?: unknown;
    readonly compensation?: { readonly state: string; readonly attempts: number; readonly error?: string };
  }[];
  readonly log: readonly {
    readonly at: string;
    readonly actor: string;
    readonly step?: string;
    readonly was?: string;
    readonly became: string;
    readonly detail?: string;
  }[];
}

export function sagaList(items: readonly SagaSummary[]): string {
  if (items.length === 0) return 'No sagas.';
  const rows = items.map((saga) => [
    saga.sagaId,
    saga.saga,
    saga.key,
    saga.state,
    saga.startedAt,
    saga.attention ?? saga.failureReason ?? '',
  ]);
  return table([['SAGA', 'NAME', 'KEY', 'STATE', 'STARTED', 'WHY'], ...rows]);
}

export function sagaDetail(saga: SagaDetail): string {
  const head = table([
    ['saga', `${saga.saga} (version ${saga.programVersion}) of ${saga.service}`],
    ['id', saga.sagaId],
    ['key', saga.key],
    ['state', `${saga.state} (${saga.status})`],
    ['started', `${saga.startedAt} for ${saga.initiator}`],
    ['updated', saga.updatedAt],
    ['correlation', saga.correlationId],
    ['input', JSON.stringify(saga.context.input)],
    ...(saga.failureReason === undefined ? [] : [['failed because', saga.failureReason]]),
    ...(saga.attention === undefined ? [] : [['NEEDS YOU', saga.attention]]),
  ]);
  const steps = saga.steps.map((step) => [
    step.name,
    step.state,
    step.call,
    step.undo ?? (step.kind === 'pivot' ? '(point of no return)' : ''),
    step.compensation
      ? `${step.compensation.state}, attempt ${step.compensation.attempts}${step.compensation.error ? `: ${step.compensation.error}` : ''}`
      : '',
  ]);
  const log = saga.log.map((entry) => [
    entry.at,
    entry.actor,
    entry.step ?? '',
    [entry.was, entry.became].filter(Boolean).join(' -> '),
    entry.detail ?? '',
  ]);
  return [
    head,
    table([['STEP', 'STATE', 'CALL', 'UNDO', 'UNDONE'], ...steps]),
    table([['AT', 'WHO', 'STEP', 'CHANGE', 'DETAIL'], ...log]),
  ].join('\n\n');
}

export interface DeadLetter {
  readonly id: string;
  readonly subscriber: string;
  readonly event: string;
  readonly key: string;
  readonly attempts: number;
  readonly parked: number;
  readonly error: string;
}

export function deadLetterList(items: readonly DeadLetter[]): string {
  if (items.length === 0) return 'No dead letters.';
  const rows = items.map((letter) => [
    letter.id,
    letter.subscriber,
    letter.event,
    letter.key,
    String(letter.attempts),
    String(letter.parked),
    letter.error,
  ]);
  return table([['LETTER', 'SUBSCRIBER', 'EVENT', 'KEY', 'ATTEMPTS', 'WAITING', 'ERROR'], ...rows]);
}
