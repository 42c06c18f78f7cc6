import { z } from 'zod';

/** A moment: ISO 8601, in UTC. */
const moment = () => z.string().meta({ format: 'date-time' });

/** A service, with its edges in the graph. */
export const Service = z.object({
  name: z.string(),
  uses: z.array(z.object({ name: z.string(), target: z.string(), kind: z.enum(['service', 'external']) })),
  sagas: z.array(z.string()),
  reactsTo: z.array(z.string()),
});

/** The states of a saga. */
export const SAGA_STATES = ['RUNNING', 'COMPENSATING', 'COMPLETED', 'COMPENSATED', 'COMPENSATION_FAILED', 'IN_DOUBT', 'DIVERGED'] as const;

/** A saga in a list. */
export const SagaSummary = z.object({
  sagaId: z.string(),
  saga: z.string(),
  service: z.string(),
  key: z.string(),
  status: z.enum(['running', 'compensating', 'completed', 'failed']),
  state: z.enum(SAGA_STATES),
  currentStepIndex: z.int(),
  completedSteps: z.array(z.string()),
  compensatedSteps: z.array(z.string()),
  context: z.object({ input: z.unknown(), results: z.record(z.string(), z.unknown()) }),
  startedAt: moment(),
  updatedAt: moment(),
  failureReason: z.string().optional(),
  attention: z.string().optional().meta({ description: 'Why an operator is needed; absent when none is' }),
  waiting: z
    .array(z.object({ step: z.string(), until: moment() }))
    .optional()
    .meta({ description: 'The open sleeps and waits' }),
});

/** A step of a saga. */
export const SagaStep = z.object({
  name: z.string(),
  kind: z.enum(['step', 'pivot', 'ask', 'sleep', 'wait']),
  state: z.enum(['STARTED', 'OK', 'REJECTED', 'UNKNOWN', 'CANCELLED', 'WAITING']),
  call: z.string().meta({ description: 'The operation that is called; for a wait the event and its key' }),
  until: moment().optional().meta({ description: 'When an open sleep or wait ends' }),
  undo: z.string().optional(),
  input: z.unknown(),
  result: z.unknown().optional(),
  error: z.unknown().optional(),
  compensation: z
    .object({
      state: z.enum(['STARTED', 'COMPENSATED', 'COMP_FAILED', 'IN_DOUBT', 'SKIPPED']),
      attempts: z.int(),
      error: z.string().optional(),
    })
    .optional(),
});

/** A saga with its steps and its log. */
export const SagaDetail = z.object({
  ...SagaSummary.shape,
  initiator: z.string(),
  initiatorIssuer: z
    .string()
    .optional()
    .meta({ description: 'The issuer of the token of the initiator; absent for a service of this system' }),
  correlationId: z.string(),
  programVersion: z.int(),
  epoch: z.int(),
  steps: z.array(SagaStep),
  log: z.array(
    z.object({
      at: moment(),
      actor: z.string(),
      step: z.string().optional(),
      was: z.string().optional(),
      became: z.string(),
      detail: z.string().optional(),
    }),
  ),
});

const reason = z.string().min(1).meta({ description: 'Written to the log of the saga' });

/** What an operator may do to a saga. */
export const SagaAction = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('retry') }),
  z.strictObject({ kind: z.literal('resolve'), step: z.string(), effect: z.enum(['applied', 'absent']), reason }),
  z.strictObject({ kind: z.literal('skip'), step: z.string(), reason }),
  z.strictObject({ kind: z.literal('compensate'), reason }),
  z.strictObject({ kind: z.literal('cancel'), reason }),
]);

/** What a subscription does with an event that it cannot handle. */
export const POISON_POLICIES = ['park-key', 'skip', 'halt'] as const;

/** A subscription of a service. */
export const Subscription = z.object({
  service: z.string(),
  subscription: z.string(),
  poison: z.enum(POISON_POLICIES),
  topics: z.array(z.string()),
  haltedAt: z
    .array(z.object({ log: z.string(), eventId: z.string(), error: z.string() }))
    .meta({ description: 'The events at which the subscription is halted' }),
});

/** A schedule of a service. */
export const Schedule = z.object({
  service: z.string(),
  name: z.string(),
  timing: z.string(),
  dueAt: moment().meta({ description: 'The next run; in the past while a run is being retried' }),
  lastDueAt: moment().optional(),
  lastRunAt: moment().optional(),
  attempts: z.int().meta({ description: 'How often the run that is due has started' }),
  lastError: z.string().optional(),
  givenUpAt: moment().optional(),
});

/** An event that a subscriber could not handle. */
export const DeadLetter = z.object({
  id: z.string(),
  subscriber: z.string(),
  eventId: z.string(),
  event: z.string(),
  key: z.string(),
  reason: z.string(),
  error: z.string(),
  stack: z.string().meta({ description: 'Where the last attempt failed, with its causes; empty where no code threw' }),
  attempts: z.int(),
  firstFailedAt: moment(),
  lastFailedAt: moment(),
  policy: z.enum(POISON_POLICIES),
  parked: z.int().meta({ description: 'How many events of the same key wait behind it' }),
});

/** A sent command or a schedule that ended the process at each of its starts. */
export const GivenUp = z.object({
  service: z.string(),
  id: z.string(),
  kind: z.string(),
  what: z.string().meta({ description: 'The operation of a sent command, or the name of a schedule' }),
  error: z.string(),
  givenUpAt: moment(),
});

/** The health of a process. */
export const Health = z.object({
  status: z.enum(['ok', 'degraded']),
  timestamp: moment(),
  uptime: z.number().meta({ description: 'Seconds' }),
  checks: z.record(z.string(), z.enum(['healthy', 'unhealthy'])),
});

/** A call of an operation. */
export const Call = z.strictObject({
  service: z.string(),
  operation: z.string(),
  input: z.record(z.string(), z.unknown()).optional(),
  key: z.string().optional().meta({ description: 'The idempotency key of a command' }),
});
