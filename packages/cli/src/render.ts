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
    readonly until?: string;
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

/** What a person may do, as commands to copy; what each means stands behind it. */
function whatToDo({ sagaId, state, steps }: SagaDetail): string[] {
  const command = (action: string, ...more: string[]) => ['ramet saga', action, sagaId, ...more].join(' ');
  const reason = "--reason '…'";
  if (state === 'DIVERGED') {
    const pivoted = steps.some((step) => step.kind === 'pivot' && step.state !== 'REJECTED');
    return [
      `${command('retry')}  (run the program again: after a deploy that fits)`,
      ...(pivoted ? [] : [`${command('compensate', reason)}  (undo what it did)`]),
    ];
  }
  const waiting = steps.filter((step) => step.compensation?.state === 'COMP_FAILED' || step.compensation?.state === 'IN_DOUBT');
  if (waiting.length === 0) return ['nothing to decide: it goes on by itself as soon as what it calls answers'];
  return [
    `${command('retry')}  (try the failed undos again)`,
    ...waiting.flatMap(({ name }) => {
      const step = `--step ${quoted(name)}`;
      return [
        `${command('resolve', step, '--effect absent', reason)}  (its effect is not there any more)`,
        `${command('resolve', step, '--effect applied', reason)}  (its effect is there: undo it)`,
        `${command('skip', step, reason)}  (leave its effect, for good)`,
      ];
    }),
  ];
}

const quoted = (text: string): string => `'${text.replaceAll("'", "'\\''")}'`;

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
    table([['AT', 'WHO', 'STEP', 'CHANGE', 'DETAIL'], ...log]),
  ].join('\n\n');
}

export interface DeadLetter {
  readonly id: string;
  readonly subscriber: string;
  readonly event: string;
  readonly key: string;
  readonly policy: string;
  readonly attempts: number;
  readonly parked: number;
  readonly error: string;
  readonly stack: string;
}

export function deadLetterDetail(letter: DeadLetter | undefined): string {
  if (!letter) return 'It is not among the newest dead letters.';
  const { id, subscriber, event, key, attempts, parked, error, stack } = letter;
  return `${id}: ${event} (${key}) for ${subscriber}, ${attempts} attempts, ${parked} wait\n\n${stack || error}`;
}

export function deadLetterList(items: readonly DeadLetter[]): string {
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

export interface Subscription {
  readonly subscription: string;
  readonly poison: string;
  readonly topics: readonly string[];
  readonly standsAt: readonly { readonly source: string; readonly eventId: string; readonly error: string }[];
}

export function subscriptionList(items: readonly Subscription[]): string {
  if (items.length === 0) return 'No subscriptions.';
  const rows = items.map(({ subscription, poison, topics, standsAt }) => [
    subscription,
    poison,
    String(topics.length),
    standsAt.map(({ eventId, error }) => `HALTED at ${eventId}: ${error}`).join('; ') || 'goes on',
  ]);
  return table([['SUBSCRIPTION', 'POISON', 'EVENTS', 'STATE'], ...rows]);
}

export interface Schedule {
  readonly service: string;
  readonly name: string;
  readonly timing: string;
  readonly dueAt: string;
  readonly lastRunAt?: string;
  readonly attempts: number;
  readonly lastError?: string;
  readonly givenUpAt?: string;
}

export function scheduleList(items: readonly Schedule[]): string {
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

export interface GivenUp {
  readonly id: string;
  readonly service: string;
  readonly kind: string;
  readonly what: string;
  readonly givenUpAt: string;
  readonly error: string;
}

export function givenUpList(items: readonly GivenUp[]): string {
  if (items.length === 0) return 'Nothing was given up.';
  const rows = items.map(({ id, service, kind, what, givenUpAt, error }) => [id, service, kind, what, givenUpAt, error]);
  return table([['ID', 'SERVICE', 'KIND', 'WHAT', 'GIVEN UP', 'WHY'], ...rows]);
}

/** Says of a list what it lacks: of each service that did not answer, why. */
export function unansweredLines(answer: unknown): string[] {
  const { unanswered = [] } = answer as { unanswered?: readonly { readonly service: string; readonly why: string }[] };
  return unanswered.map(({ service, why }) => `'${service}' did not answer, and nothing of it is in this list: ${why}`);
}
