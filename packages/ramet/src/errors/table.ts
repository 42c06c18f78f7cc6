/** An error as callers and people see it. */
export interface ErrorEntry {
  /** HTTP status at the edge. */
  readonly status: number;
  /** Whether the same request may succeed later without a change to it. */
  readonly retryable: boolean;
  /** `'no'` when the handler certainly had no effect; absent where that depends on what happened. */
  readonly executed?: 'no';
  readonly title: string;
  /** What to do next. */
  readonly fix: string;
}

const entry = (status: number, title: string, fix: string, more: { retryable?: boolean; executed?: 'no' } = {}): ErrorEntry => ({
  status,
  retryable: more.retryable ?? false,
  ...(more.executed ? { executed: more.executed } : {}),
  title,
  fix,
});
const no = { executed: 'no' } as const;
const again = { retryable: true } as const;
const notNow = { retryable: true, executed: 'no' } as const;

/** All errors of the framework. `docs/errors.md` lists the same codes, and a test compares the two. A code is never used again for another error. */
export const ERRORS = {
  // What the caller sent
  BadRequest: entry(400, 'The request does not fit the contract', 'Correct the fields named in `errors` and send it again.', no),
  MalformedBody: entry(400, 'The body is not acceptable JSON', 'Send one JSON value, without duplicate or reserved keys.', no),
  MalformedRequest: entry(400, 'The request is not well-formed HTTP', 'Use a client library; send one Host header and a plain path.', no),
  RequestTimeout: entry(408, 'The request arrived too slowly', 'Send it again, without pauses.', notNow),
  ExpectationFailed: entry(417, 'The expectation cannot be met', 'Send no `Expect`, or `Expect: 100-continue`.', no),
  MisdirectedRequest: entry(
    421,
    'This host is not served here',
    'Correct the host; the gateway lists the hosts that it serves in `hosts`.',
    no,
  ),
  HeadTooLarge: entry(431, 'The head of the request is too large', 'Send at most 100 headers, and 16 kB with the target.', no),
  HttpVersionNotSupported: entry(505, 'This version of HTTP is not supported', 'Use HTTP/1.1.', no),
  MissingIdempotencyKey: entry(
    400,
    'This operation needs an Idempotency-Key',
    'Send a header `Idempotency-Key` that is new for each request and the same for each repetition of it.',
    no,
  ),
  IdempotencyKeyReused: entry(422, 'The Idempotency-Key was used for another request', 'Use a new key for a new request.', no),
  MissingToken: entry(401, 'No access token', 'Send `Authorization: Bearer <token>`.', no),
  InvalidToken: entry(401, 'The access token is not valid', 'Get a new token; this one is malformed, expired, or from another issuer.', no),
  Forbidden: entry(403, 'Not allowed', 'Get a token with the scope that the operation needs.', no),
  NotFound: entry(404, 'There is nothing here', 'Check the address; the OpenAPI document lists the operations.', no),
  MethodNotAllowed: entry(405, 'The method is not allowed here', 'Use one of the methods in the `allow` header.', no),
  PayloadTooLarge: entry(413, 'The body is too large', 'Send less at once; the limit is in `detail`.', no),
  UnsupportedMediaType: entry(415, 'The content type is not supported', 'Send `content-type: application/json`.', no),
  TooManyRequests: entry(429, 'Too many requests', 'Wait for the seconds in `retry-after`.', notNow),
  LimitsUnavailable: entry(503, 'Requests cannot be counted now', 'Try again after `retry-after`.', notNow),
  // Calls
  DeadlineExceeded: entry(
    504,
    'The deadline passed',
    'It is unknown whether the request took effect: repeat it with the same key, or look up the result.',
    again,
  ),
  Cancelled: entry(499, 'The caller disconnected', 'Nothing; the caller does not wait any more.'),
  BulkheadFull: entry(503, 'Too many calls to this dependency are under way', 'Try again later, or raise the bulkhead in `use()`.', notNow),
  CircuitOpen: entry(
    503,
    'Calls to this dependency fail, so it is not called for a while',
    'Try again after `retry-after`; find out why the dependency fails.',
    notNow,
  ),
  Overloaded: entry(503, 'The process has more work than it can do', 'Try again after `retry-after`; if it lasts, add instances.', notNow),
  Unavailable: entry(503, 'The service cannot be reached', 'Try again later; see the health of the process that hosts it.', notNow),
  ShuttingDown: entry(503, 'The process is shutting down', 'Try again; another instance, or the next one, answers.', notNow),
  Internal: entry(500, 'A handler failed', 'Read the lines of the log that have the correlation id.'),
  InvalidOutput: entry(
    500,
    'What a handler answers, emits or sends does not fit its contract',
    'Correct the handler; the fields are named in `errors`.',
  ),
  UnknownOperation: entry(501, 'The operation does not exist', 'Deploy the service that has it, or correct the call.', no),
  UndeclaredTarget: entry(
    500,
    'The target of `send` is not a command that the sender declares',
    "Send a command of the service itself, or of a contract in its 'uses'.",
    no,
  ),
  Unauthenticated: entry(
    503,
    'A process did not prove its identity to the process that it called',
    'Check the clocks, keys and hosts of both processes; the log says what was wrong.',
    notNow,
  ),
  CallTooDeep: entry(508, 'The chain of calls is deeper than 8', 'Look for services that call each other in a cycle.', no),
  // Stores
  StoreUnavailable: entry(
    503,
    'The store is unavailable',
    'Try again after `retry-after`; the log of the service says why, and what to do.',
    notNow,
  ),
  TransactionClosed: entry(
    500,
    'The transaction of this handler has ended',
    'Await every statement before the handler returns; do not keep `db`.',
  ),
  TransactionIdle: entry(
    500,
    'The handler held the transaction open for too long',
    'Wait only for `db` inside a transaction; use `prepare` or an effect for anything else.',
    no,
  ),
  TransactionFailed: entry(
    500,
    'A statement of this transaction failed, and the handler continued',
    'Do not catch the error; where the row may already exist, use `on conflict do nothing`.',
    no,
  ),
  ConcurrencyConflict: entry(409, 'Another writer changed this first', 'Load it again and decide again.', notNow),
  MigrationEdited: entry(500, 'A migration was changed after it ran', 'Restore the file and write a new migration.', no),
  MigrationOutOfOrder: entry(500, 'A migration was inserted before one that ran', 'Give it a number after the last one that ran.', no),
  MoveFailed: entry(
    500,
    'The copy of a store differs from its source',
    'Stop every process of the service and begin again on an empty target.',
    no,
  ),
  MoveRefused: entry(
    409,
    'A store cannot be moved there',
    'Use an empty target with the same migrations and the same number of partitions.',
    no,
  ),
  StoreMoved: entry(
    500,
    'The rows of this store are in another store',
    "Name the new store in the topology. If the copy was interrupted, run the same 'ramet move' again.",
    no,
  ),
  MigrationFailed: entry(500, 'A migration failed', 'Correct it; none of its changes were kept.', no),
  StoreLocked: entry(500, 'Another process uses this data directory', 'Stop that process, or choose another DATA_DIR.', no),
  StoreUnwritable: entry(500, 'The data directory cannot be written', 'Give this user write permission, or choose another DATA_DIR.', no),
  StoreUnusable: entry(
    500,
    'The database of a store cannot be used',
    'Correct what the detail names: the server, the URL, or the rights of the role.',
    no,
  ),
  // Events
  PositionGap: entry(
    500,
    'An event is missing from a partition',
    'Stop the process; the log was changed by another program or restored from an older copy.',
  ),
  UnknownEvent: entry(
    500,
    'The consumer does not know the type or the version of an event',
    'Deploy a consumer that knows it, then replay the dead letter.',
  ),
  PermanentFailure: entry(
    500,
    'The handler says that another attempt is pointless',
    'Read the dead letter; replay it when the cause is removed.',
  ),
  SubscriptionHalted: entry(
    503,
    'A subscription is halted at an event that it cannot handle',
    'Correct the cause and replay the dead letter, or discard it: `ramet dead-letters`.',
    notNow,
  ),
  ClaimLost: entry(409, 'Another replica has this partition now', 'Nothing; the other replica continues where this one stopped.', no),
  // Sagas and effects
  StepCancelled: entry(409, 'The step was undone before it arrived', 'Nothing; the saga is being compensated.', no),
  StaleOwner: entry(409, 'Another process owns this saga now', 'Nothing; the new owner continues it.', no),
  StepPending: entry(503, 'The step is under way', 'Repeat the call with the same key.', again),
  EffectInDoubt: entry(
    503,
    'It cannot be determined whether the effect took place',
    'An operator checks the other system and records the result: `ramet saga resolve`.',
  ),
  DedupHorizon: entry(
    409,
    'It may already have been done, longer ago than the service remembers',
    'Find out whether it was done; if not, request it again under a new key.',
  ),
  GivenUp: entry(
    500,
    'The process ended during each start of this work',
    'Find out why the work ends the process; then retry it: `ramet given-up`, or `ramet saga retry`.',
  ),
  DuplicateStep: entry(500, 'Two steps of one saga have the same name', 'Put what distinguishes them into the name.'),
  WrongStep: entry(500, 'A saga program wrote a step that cannot run', 'Correct the step as the detail says; nothing of it was stored.'),
  CallWithoutStep: entry(
    500,
    'A saga program made a call outside a step',
    'Pass the call to `step`, `ask` or `pivot`; without them it does nothing.',
  ),
  CompensationAfterPivot: entry(
    500,
    'A step with an undo comes after the pivot',
    "Move the step before the pivot, or write `undo: 'nothing'`.",
  ),
  Diverged: entry(
    409,
    'The saga program does not fit what the saga has already done',
    'Deploy a program that fits and retry the saga, or compensate it.',
    no,
  ),
  UnknownSaga: entry(404, 'The saga does not exist', 'Check the id with `ramet saga list`.', no),
  ActionRefused: entry(409, 'The saga is not in a state for this action', 'Check its state with `ramet saga show`.', no),
  // Boot
  SecretMissing: entry(500, 'A secret is missing', 'Put it where the process looks for it; the log names the secret and the places.', no),
  Misconfigured: entry(
    500,
    'A server that this process needs refuses it',
    'Correct what the detail names: the URL, the credentials, or the rights.',
    no,
  ),
  BootFailed: entry(500, 'The process cannot start', 'Correct every problem in the list.', no),
} as const satisfies Record<string, ErrorEntry>;

/** The code of an error in {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;
