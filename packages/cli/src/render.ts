import type { AdminAnswer, AdminItem } from 'ramet/admin';

type SagaDetail = AdminAnswer<'GET /sagas/:id'>;

/** Renders rows as columns, each as wide as its widest cell. */
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

/** Renders sagas: one a line, with the reason why an operator is needed or why the saga failed. */
export function sagaList(items: readonly AdminItem<'GET /sagas'>[]): string {
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

/** Lists what an operator can do, as commands to copy, each with its meaning. */
function whatToDo({ sagaId, state, steps }: SagaDetail): string[] {
  const command = (action: string, ...more: string[]) => ['ramet saga', action, sagaId, ...more].join(' ');
  const reason = "--reason '…'";
  if (state === 'DIVERGED') {
    const pivoted = steps.some((step) => step.kind === 'pivot' && step.state !== 'REJECTED');
    return [
      `${command('retry')}  (run the program again, after you deploy one that fits)`,
      ...(pivoted ? [] : [`${command('compensate', reason)}  (undo what the saga did)`]),
    ];
  }
  const waiting = steps.filter((step) => step.compensation?.state === 'COMP_FAILED' || step.compensation?.state === 'IN_DOUBT');
  if (waiting.length === 0) return ['nothing to decide: the saga continues when the service that it calls answers'];
  return [
    `${command('retry')}  (try the failed undos again)`,
    ...waiting.flatMap(({ name }) => {
      const step = `--step ${quoted(name)}`;
      return [
        `${command('resolve', step, '--effect absent', reason)}  (the step has no effect any more)`,
        `${command('resolve', step, '--effect applied', reason)}  (the step took effect: undo it)`,
        `${command('skip', step, reason)}  (keep the effect of the step, for good)`,
      ];
    }),
  ];
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

/** Renders one saga with its steps, its log and, where an operator is needed, the commands to choose from. */
export function sagaDetail(saga: SagaDetail): string {
  const issuer = saga.initiatorIssuer === undefined ? '' : ` (${saga.initiatorIssuer})`;
  const head = table([
    ['saga', `${saga.saga} (version ${saga.programVersion}) of ${saga.service}`],
    ['id', saga.sagaId],
    ['key', saga.key],
    ['state', `${saga.state} (${saga.status})`],
    ['started', `${saga.startedAt} for ${saga.initiator}${issuer}`],
    ['updated', saga.updatedAt],
    ['correlation', saga.correlationId],
    ['input', JSON.stringify(saga.context.input)],
    ...(saga.failureReason === undefined ? [] : [['failed because', saga.failureReason]]),
    ...(saga.attention === undefined ? [] : [['NEEDS YOU', saga.attention], ...whatToDo(saga).map((line) => ['', line])]),
  ]);
  const steps = saga.steps.map((step) => [
    step.name,
    step.until === undefined ? step.state : `${step.state} until ${step.until}`,
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
    table([['AT', 'ACTOR', 'STEP', 'CHANGE', 'DETAIL'], ...log]),
  ].join('\n\n');
}

/** Renders one dead letter with its stack. */
export function deadLetterDetail({
  id,
  subscriber,
  event,
  key,
  attempts,
  parked,
  error,
  stack,
}: AdminAnswer<'GET /dead-letters/:id'>): string {
  return `${id}: ${event} (${key}) for ${subscriber}, ${attempts} attempts, ${parked} events wait behind it\n\n${stack || error}`;
}

/** Renders dead letters: one a line. */
export function deadLetterList(items: readonly AdminItem<'GET /dead-letters'>[]): string {
  if (items.length === 0) return 'No dead letters.';
  const rows = items.map((letter) => [
    letter.id,
    letter.subscriber,
    letter.event,
    letter.key,
    letter.policy,
    String(letter.attempts),
    String(letter.parked),
    letter.error,
  ]);
  return table([['LETTER', 'SUBSCRIBER', 'EVENT', 'KEY', 'POLICY', 'ATTEMPTS', 'WAITING', 'ERROR'], ...rows]);
}

/** Renders subscriptions: one a line, with the events at which it is halted. */
export function subscriptionList(items: readonly AdminItem<'GET /subscriptions'>[]): string {
  if (items.length === 0) return 'No subscriptions.';
  const rows = items.map(({ subscription, poison, topics, haltedAt }) => [
    subscription,
    poison,
    String(topics.length),
    haltedAt.map(({ eventId, error }) => `HALTED at ${eventId}: ${error}`).join('; ') || 'running',
  ]);
  return table([['SUBSCRIPTION', 'POISON', 'EVENTS', 'STATE'], ...rows]);
}

/** Renders schedules: one a line, with the problem of the run that is due. */
export function scheduleList(items: readonly AdminItem<'GET /schedules'>[]): string {
  if (items.length === 0) return 'No schedules.';
  const rows = items.map(({ service, name, timing, dueAt, lastRunAt, attempts, lastError, givenUpAt }) => [
    service,
    name,
    timing,
    dueAt,
    lastRunAt ?? 'never',
    givenUpAt !== undefined
      ? `GIVEN UP: ${lastError}; see 'ramet given-up list'`
      : lastError === undefined
        ? ''
        : `attempt ${attempts} failed: ${lastError}`,
  ]);
  return table([['SERVICE', 'SCHEDULE', 'WHEN', 'NEXT', 'LAST RUN', 'PROBLEM'], ...rows]);
}

/** Renders given-up work: one a line. */
export function givenUpList(items: readonly AdminItem<'GET /given-up'>[]): string {
  if (items.length === 0) return 'No given-up work.';
  const rows = items.map(({ id, service, kind, what, givenUpAt, error }) => [id, service, kind, what, givenUpAt, error]);
  return table([['ID', 'SERVICE', 'KIND', 'WHAT', 'GIVEN UP', 'WHY'], ...rows]);
}
