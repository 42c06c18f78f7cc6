/** What the framework does about an error, and what a person should. */
export interface ErrorEntry {
  /** HTTP status at the edge. */
  readonly status: number;
  /** Whether the same request may succeed later without a change to it. */
  readonly retryable: boolean;
  /** Whether the handler certainly had no effect. `undefined` where that depends on what happened. */
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

/** Every error of the framework, once. `docs/errors.md` lists the same codes, and a test keeps the two in step. Codes are never reused. */
export const ERRORS = {
  // What the caller sent
  BadRequest: entry(400, 'The request does not fit the contract', 'Correct the fields named in `errors` and send it again.', no),
  MalformedBody: entry(400, 'The body is not acceptable JSON', 'Send one JSON value, without duplicate or reserved keys.', no),
  MalformedRequest: entry(400, 'The request is not well-formed HTTP', 'Use a client library; send one Host header and a plain path.', no),
  RequestTimeout: entry(408, 'The request came too slowly', 'Send it again, at once and whole.', notNow),
  ExpectationFailed: entry(417, 'The expectation cannot be met', 'Send no `Expect`, or `Expect: 100-continue`.', no),
  MisdirectedRequest: entry(
    421,
    'This host is not served here',
    'Correct the host; the gateway lists those that it serves in `hosts`.',
    no,
  ),
  HeadTooLarge: entry(431, 'The head of the request is too large', 'Send at most 100 headers, and 16 kB with the target.', no),
  HttpVersionNotSupported: entry(505, 'This version of HTTP is not spoken here', 'Use HTTP/1.1.', no),
  MissingIdempotencyKey: entry(
    400,
    'This operation needs an Idempotency-Key',
    'Send a header `Idempotency-Key` that is new for each intention and the same for each repeat.',
    no,
  ),
  IdempotencyKeyReused: entry(422, 'The Idempotency-Key was used for another request', 'Use a new key for a new request.', no),
  MissingToken: entry(401, 'No access token', 'Send `Authorization: Bearer <token>`.', no),
  InvalidToken: entry(401, 'The access token is not valid', 'Get a new token; this one is malformed, expired, or from elsewhere.', no),
  Forbidden: entry(403, 'Not allowed', 'Ask for the scope that the operation needs.', no),
  NotFound: entry(404, 'There is nothing here', 'Check the address; the OpenAPI document lists what there is.', no),
  MethodNotAllowed: entry(405, 'The method is not allowed here', 'Use one of the methods in the `allow` header.', no),
  PayloadTooLarge: entry(413, 'The body is too large', 'Send less at once; the limit is in `detail`.', no),
  UnsupportedMediaType: entry(415, 'The content type is not supported', 'Send `content-type: application/json`.', no),
  TooManyRequests: entry(429, 'Too many requests', 'Wait for the seconds in `retry-after`.', notNow),
  LimitsUnavailable: entry(503, 'Requests cannot be counted now', 'Try again after `retry-after`.', notNow),
  // Calls
  DeadlineExceeded: entry(504, 'The deadline passed', 'Whether it took effect is unknown: repeat it with the same key, or look.', again),
  Cancelled: entry(499, 'The caller went away', 'Nothing; the caller does not wait any more.'),
  BulkheadFull: entry(503, 'Too many calls to this dependency are under way', 'Try again later, or raise the bulkhead in `use()`.', notNow),
  CircuitOpen: entry(
    503,
    'Calls to this dependency fail, so it is not asked for a while',
    'Try again after `retry-after`; look at why the dependency fails.',
    notNow,
  ),
  Overloaded: entry(503, 'The process has more to do than it can', 'Try again after `retry-after`; if it lasts, add instances.', notNow),
  Unavailable: entry(503, 'The service cannot be reached', 'Try again later; see the health of the process that hosts it.', notNow),
  ShuttingDown: entry(503, 'The process is shutting down', 'Try again; another instance, or the next one, answers.', notNow),
  Internal: entry(500, 'A handler failed', 'Look at the log under the correlation id.'),
  InvalidOutput: entry(
    500,
    'A handler answered what its contract does not allow',
    'Correct the handler; the fields are named in `errors`.',
  ),
  UnknownOperation: entry(501, 'No such operation', 'Deploy the service that has it, or correct the call.', no),
  UndeclaredTarget: entry(
    500,
    'A command is sent to a service that the sender does not declare',
    "Add the target to 'uses' of the service that sends.",
    no,
  ),
  Unauthenticated: entry(
    503,
    'A process did not prove who it is to the one that it calls',
    'Look at the clocks, keys and hosts of both processes; the log says what was wrong.',
    notNow,
  ),
  CallTooDeep: entry(508, 'The chain of calls is deeper than 8', 'Look for services that call each other in a circle.', no),
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
    'Do not wait for anything but `db` inside a transaction; use `prepare` or an effect.',
    no,
  ),
  TransactionFailed: entry(
    500,
    'A statement of this transaction failed, and the handler went on',
    'Let the error pass; where a row may be there already, say `on conflict do nothing`.',
    no,
  ),
  ConcurrencyConflict: entry(409, 'Somebody else changed this first', 'Load it again and decide again.', notNow),
  MigrationEdited: entry(500, 'A migration was changed after it ran', 'Restore the file and write a new migration.', no),
  MigrationOutOfOrder: entry(500, 'A migration was inserted before one that ran', 'Give it a number behind the last one that ran.', no),
  MoveFailed: entry(
    500,
    'The copy of a store differs from it',
    'Stop every process of the service and begin again on an empty target.',
    no,
  ),
  MoveRefused: entry(409, 'A store cannot be moved there', 'Take an empty target with the same migrations and as many partitions.', no),
  StoreMoved: entry(
    500,
    'The rows of this store are elsewhere',
    "Name the new store in the topology, or run the same 'ramet move' again.",
    no,
  ),
  MigrationFailed: entry(500, 'A migration failed', 'Correct it; nothing of it was kept.', no),
  StoreLocked: entry(500, 'Another process uses this data directory', 'Stop that process, or choose another DATA_DIR.', no),
  StoreUnwritable: entry(500, 'The data directory cannot be written', 'Give this user write permission, or choose another DATA_DIR.', no),
  StoreUnusable: entry(
    500,
    'The database of a store cannot be used',
    'Do what the detail says: the server, the URL, or the rights of its role.',
    no,
  ),
  // Events
  PositionGap: entry(500, 'An event is missing from a partition', 'Stop; the log was changed from outside or restored from an older copy.'),
  UnknownEvent: entry(
    500,
    'An event of a type or version that this consumer does not know',
    'Deploy the consumer that knows it, then replay the dead letter.',
  ),
  PermanentFailure: entry(
    500,
    'The handler says that trying again is pointless',
    'Look at the dead letter; replay it when the cause is gone.',
  ),
  SubscriptionHalted: entry(
    503,
    'A subscription stands at an event that it cannot handle',
    'Correct the cause and replay the dead letter, or discard it: `ramet dead-letters`.',
    notNow,
  ),
  ClaimLost: entry(409, 'Another replica has this partition now', 'Nothing; the other one goes on where this one was.', no),
  // Sagas and effects
  StepCancelled: entry(409, 'The step was undone before it arrived', 'Nothing; the saga is being compensated.', no),
  StaleOwner: entry(409, 'Another process owns this saga now', 'Nothing; the new owner continues it.', no),
  StepPending: entry(503, 'The step is under way', 'Ask again with the same key.', again),
  EffectInDoubt: entry(
    503,
    'Whether the effect took place cannot be found out',
    'An operator looks at the other system and says so: `ramet saga resolve`.',
  ),
  DedupHorizon: entry(
    409,
    'It may have been done already, longer ago than is remembered',
    'Find out whether it was done; if it was not, ask for it again under a new key.',
  ),
  GivenUp: entry(
    500,
    'The process ended during each start of this work',
    'Look at why the work ends the process; then retry it: `ramet given-up`, or `ramet saga retry`.',
  ),
  DuplicateStep: entry(500, 'Two steps of one saga bear the same name', 'Put what makes them different into the name.'),
  CallWithoutStep: entry(
    500,
    'A saga program made a call and gave it to no step',
    'Give the call to `step`, `ask` or `pivot`; by itself it does nothing.',
  ),
  CompensationAfterPivot: entry(
    500,
    'A step with an undo comes after the pivot',
    "Move the step before the pivot, or say `undo: 'nothing'`.",
  ),
  Diverged: entry(
    409,
    'The saga program does not fit what the saga has already done',
    'Deploy a program that fits and retry, or compensate.',
    no,
  ),
  UnknownSaga: entry(404, 'No such saga', 'Check the id with `ramet saga list`.', no),
  ActionRefused: entry(409, 'The saga is not in a state for this action', 'Look at it with `ramet saga show`.', no),
  // Boot
  SecretMissing: entry(500, 'A secret is missing', 'Put it where it is looked for; the log names it and the places.', no),
  Misconfigured: entry(
    500,
    'A server that this process needs refuses it',
    'Correct what the detail names: the URL, the credentials, or the rights.',
    no,
  ),
  BootFailed: entry(500, 'The process cannot start', 'Correct every problem in the list.', no),
} as const satisfies Record<string, ErrorEntry>;

export type ErrorCode = keyof typeof ERRORS;
