/** One kind of line in the framework's log, and what an operator does about it. */
export interface LogEventEntry {
  readonly level: 'info' | 'warn' | 'error';
  /** What the line says. Everything that differs from line to line is in its fields. */
  readonly text: string;
  /** When the framework writes it. */
  readonly when: string;
  /** What to do next. */
  readonly fix: string;
}

const entry =
  <Level extends LogEventEntry['level']>(level: Level) =>
  (text: string, when: string, fix: string): LogEventEntry & { readonly level: Level } => ({ level, text, when, fix });
const info = entry('info');
const warn = entry('warn');
const error = entry('error');

const NOTHING = 'Nothing.';

/**
 * Every event of the framework's log, once. `docs/log-events.md` lists the same events, and a test keeps the two in step. A code is
 * never used again for something else; texts may change.
 */
export const LOG_EVENTS = {
  // The process
  start_waits: warn(
    'start waits',
    'A server that the process needs does not answer during its start; after 2 s, then every 10 s.',
    'Do what the line says: start the server, or correct its URL.',
  ),
  start_continues: warn('start continues', 'The server that the start waited for answers.', NOTHING),
  gateway_listening: info('gateway listens', 'A gateway accepts connections.', NOTHING),
  gateway_without_port: warn(
    'gateway is not served, it has no port',
    'The process hosts a gateway for which no port is configured.',
    'Name a port in `ports`, or do not host the gateway here.',
  ),
  process_ready: info('process takes requests', 'The start is complete.', NOTHING),
  process_draining: info('process takes no more requests', 'The shutdown begins.', NOTHING),
  service_started: info('service started', 'A service was started while its process ran.', NOTHING),
  service_start_failed: error(
    'service not started',
    'A service could not be started while its process ran. It is stopped, `/health` reports it, and the others run.',
    'Correct what `err` names, then start the service again.',
  ),
  service_quiesced: info('service quiesced', 'The background work of a service ended; its calls are still answered.', NOTHING),
  service_stopped: info('service stopped', 'A service was stopped while its process runs on.', NOTHING),
  service_stop_overdue: warn(
    'service stops with calls under way',
    'Calls of a service did not end within 15 s of its stop; their transactions fail.',
    'Look for handlers that wait without a limit.',
  ),
  process_stopping: info('process stops', 'The process received a signal, or an uncaught error ends it.', NOTHING),
  uncaught_error: error(
    'process ends after an uncaught error',
    'Code threw where nothing catches it; the state of the process is unknown.',
    'Correct the code that the stack names. The supervisor starts the process again.',
  ),
  durability_lost: error(
    'process ends, its store cannot make anything durable',
    'The disk refused to sync a commit.',
    'Look at the disk, then start the process again.',
  ),
  health_check_failed: warn(
    'health check fails',
    'A check failed after it had succeeded, or at its first run.',
    'Look at `err`: the check names what does not answer.',
  ),
  health_check_recovered: info('health check succeeds again', 'A check succeeded after it had failed.', NOTHING),
  gauge_failed: warn('gauge failed', 'A metric could not be read when it was scraped.', 'Correct the gauge that `err` names.'),
  instrument_failed: error(
    'instrument failed, it is switched off',
    'The `instrument` of the start threw, or returned what it must not. The work continues; the instrument sees nothing until the next start.',
    'Correct what `err` names in the function that `method` names, then restart the process.',
  ),
  log_lines_lost: warn(
    'log lines were lost',
    'The destination of the log was slow or refused lines; `dropped` counts them.',
    'Look at what reads standard error, and at its disk.',
  ),
  query_circle: warn(
    'services query each other in a circle',
    'Boot found services whose queries can lead back to themselves.',
    'Let one of them react to events instead. Calls deeper than 8 are refused (CallTooDeep).',
  ),
  programs_missing: error(
    'open sagas began with a program that is not deployed',
    'Boot found open sagas of a program version that this deployment does not have.',
    "List the version in 'previous' of the saga.",
  ),
  circuit_too_slow: warn(
    'circuit stays open longer than a saga step waits',
    'Boot found a breaker whose probes take longer than the deadline of a step.',
    "Shorten 'openFor', or lengthen the 'deadline' of the steps.",
  ),

  // Processes and calls
  link_failed: warn(
    'link between processes failed, will retry',
    'The registry or another process did not answer.',
    'Look at the network and at the process that the line names.',
  ),
  registry_withdrawal_failed: warn(
    'registry was not notified of the shutdown',
    'The registry did not answer during shutdown.',
    'Nothing: the health checks of the registry find out.',
  ),
  caller_refused: warn(
    'caller refused',
    'Another process made a call that it cannot prove to be allowed.',
    'Look at the keys, clocks and `uses` of the caller.',
  ),
  key_replacement_failed: error(
    'replaced key is unusable, the old key stays in use',
    'A key file was replaced with something that is not a key.',
    'Write a valid key to the file.',
  ),
  circuit_opened: warn(
    'circuit opened',
    'Calls to a dependency failed too often; it is not called for a while.',
    'Look at why the dependency fails.',
  ),
  circuit_half_opened: info('circuit allows a probe', 'The pause of an open circuit is over.', NOTHING),
  circuit_closed: info('circuit closed', 'The probes of a circuit succeeded.', NOTHING),
  call_unawaited: error(
    'call failed that its handler did not await',
    'A handler made a call without awaiting it, and the call failed; the answer of the handler stands.',
    'Await every call.',
  ),

  // Gateways
  request_answered: info('request answered', 'A gateway answered a request with a status below 500.', NOTHING),
  request_failed: warn(
    'request failed',
    'A gateway answered a request with a status of 500 or above.',
    'Look for other lines under the same correlation id.',
  ),
  request_refused: info(
    'request refused',
    'The gate of a gateway refused a request before any route saw it; `reason` says why.',
    'Nothing, unless a client of yours sends such requests.',
  ),
  connection_refused: warn(
    'connection refused',
    'A client has more connections open than one client may have.',
    'If a proxy stands in front, name it in `trustedProxies` or raise the limit.',
  ),
  requests_shed: warn(
    'requests refused, the process is overloaded',
    'A gateway refused requests to protect the others; once a second, with their number.',
    'If it lasts, add instances.',
  ),
  route_failed: error('route failed', 'A route of a gateway threw something that no contract declares.', 'Correct the route.'),
  stream_failed: warn('stream ended early', 'A stream failed after its status had been sent.', 'Look at `err`.'),
  server_failed: error('HTTP server failed', 'An HTTP server of the framework failed outside a route.', 'Look at `err`, and report it.'),
  limits_failed: warn(
    'store of limits failed, will retry',
    'The store of shared rate limits closed its connection or refused a command.',
    'Look at the server that `err` names.',
  ),
  limits_unavailable: error(
    'store of limits is unavailable',
    'Limits that fail open are counted by each replica alone, those that fail closed refuse.',
    'Start the store of limits again.',
  ),
  limits_recovered: info('store of limits is available again', 'Replicas count limits together again.', NOTHING),
  issuer_keys_unavailable: warn(
    'keys of the token issuer are unavailable',
    'The key set of the issuer could not be fetched or read; known keys stay in use for a while.',
    'Look at the issuer and at the URL of its keys.',
  ),
  issuer_keys_ignored: warn(
    'keys of the token issuer are ignored',
    'The key set holds keys that the gateway cannot use; `ignored` names them.',
    'Nothing, unless the issuer signs with one of them.',
  ),
  admin_refused: warn(
    'admin interface refused a request',
    'The admin interface received what its HTTP gate refuses.',
    'Find out which program sent it.',
  ),
  admin_failed: error('admin interface failed', 'A route of the admin interface threw.', 'Look at `err`, and report it.'),
  probe_refused: info('probe server refused a request', 'The probe server received what its HTTP gate refuses.', NOTHING),

  // Operations
  operation_failed: warn(
    'operation failed',
    'An operation ended with an error of the framework after it may have had an effect, or its handler made a mistake.',
    'Look at `err`: its code is in the table of errors.',
  ),
  handler_failed: error('handler threw', 'A handler threw something that its contract does not declare.', 'Correct the handler.'),
  operation_given_up: error(
    'operation given up',
    'The process ended during each start of the operation.',
    'Look at why it ends the process; clients get `GivenUp`.',
  ),
  command_refused: warn(
    'sent command refused',
    'The target of a sent command refused it for good; it is not repeated.',
    'Look at `refusal`: correct the sender, or the target if it should accept the command.',
  ),
  due_work_failed: warn('due work failed, will retry', 'A sent command or an alert was not delivered.', 'Look at `err` and at the target.'),
  due_work_given_up: error(
    'due work given up',
    'A sent command or an alert cannot be repeated safely; it waits for an operator.',
    'Look at it with `ramet given-up`, and retry it when the cause is gone.',
  ),
  schedule_failed: error('schedule run failed, will retry', 'A run of a schedule threw.', 'Correct the schedule; see `err`.'),
  schedules_unavailable: warn(
    'schedules unavailable, will retry',
    'The store did not answer when schedules were due.',
    'Look at the store.',
  ),
  schedule_given_up: error(
    'schedule run given up',
    'The process ended during each start of the run; it waits for an operator.',
    'Look at why the run ends the process, then retry it: `ramet given-up`.',
  ),
  retention_failed: warn('retention failed, will retry', 'Rows that are out of date could not be deleted.', 'Look at the store.'),
  saga_retention_failed: warn('retention of ended sagas failed, will retry', 'Ended sagas could not be deleted.', 'Look at `err`.'),

  // Effects
  effect_failed: warn(
    'effect failed, outcome will be looked up or the effect repeated',
    'A call to another system failed without a definite answer.',
    'Look at the other system.',
  ),
  effect_released: warn('effect released after an error, will resume', 'The store failed while an effect was under way.', 'Look at `err`.'),
  effect_in_doubt: error(
    'outcome of an effect is unknown',
    'Every lookup was exhausted without a definite answer.',
    'Look at the other system, then say what happened: `ramet saga resolve`.',
  ),
  effect_callback_failed: warn(
    'queued() failed, the effect is still pending',
    'The callback `queued` of an effect threw; the effect itself continues.',
    'Correct the callback.',
  ),
  effects_unavailable: warn(
    'effects unavailable, will retry',
    'The store did not answer when pending effects were looked up.',
    'Look at the store.',
  ),

  // Sagas
  saga_failed: info('saga program ended with a declared failure', 'A program ended as its contract declares; the saga is undone.', NOTHING),
  saga_threw: warn(
    'saga program threw',
    'A program threw something that no contract declares; the saga is undone.',
    'Correct the program.',
  ),
  saga_released: warn('saga released after an error, will resume', 'The store or a bug interrupted the engine.', 'Look at `err`.'),
  saga_continues_elsewhere: info(
    'saga continues elsewhere or later',
    'Another process owns the saga now, or this process shuts down.',
    NOTHING,
  ),
  saga_attention: error(
    'saga needs attention',
    'A saga waits for an operator; the line carries the reason, and the alert webhook receives the same.',
    'Look at it with `ramet saga show`.',
  ),
  saga_awaits_elsewhere: warn(
    'saga program awaited something other than a step, sleep or wait',
    'A program awaited something that a restart does not repeat in the same way; once per program.',
    'Move the work into a step.',
  ),
  saga_branch_unawaited: warn(
    'saga branch failed while no code awaited it',
    'A step in a parallel branch failed; its error counts where the branch is awaited.',
    'Await every branch.',
  ),
  sagas_unavailable: warn('saga engine failed, will retry', 'The store did not answer when sagas were looked up.', 'Look at the store.'),

  // Events
  event_failed: warn(
    'event failed, will retry',
    'A reaction threw; its stack is in the line of the first attempt.',
    'Look at `failure`; correct the reaction.',
  ),
  event_dead_lettered: error(
    'event became a dead letter',
    'A reaction failed in every attempt, or for good. Under the policy `park-key` later events of the key wait.',
    'Correct the cause, then replay or discard it: `ramet dead-letters`.',
  ),
  subscription_halted: error(
    'subscription halted',
    'A reaction with the policy `halt` failed for good; nothing behind the event is handled.',
    'Correct the cause, then replay or discard the event: `ramet dead-letters`.',
  ),
  events_missed: error(
    'events were deleted before they were handled',
    'The source deleted events that this subscription had not handled; they are lost for it.',
    'Repair by hand what they would have changed; lengthen the retention of the source.',
  ),
  history_incomplete: warn(
    'new subscription lacks the oldest events',
    'A new subscription began after its source had deleted its first events.',
    'Nothing, unless the subscription needs the whole history.',
  ),
  retries_unavailable: warn(
    'retries of events failed, will retry',
    'The store did not answer when retries were due.',
    'Look at the store.',
  ),
  bus_unavailable: warn(
    'bus is unavailable, will retry',
    'A store or broker does not answer; each subscription and relay says so every 10 s at most.',
    'Start the broker or the store again.',
  ),
  bus_failed: error('bus failed, will retry', 'Relaying or reading events failed, and not because of an outage.', 'Look at `err`.'),
  bus_weak: warn(
    'bus is set up weaker than it promises',
    'Boot found a setting of the broker that can lose or reorder events.',
    'Do what the line says.',
  ),
  bus_unavailable_at_start: warn(
    'process starts without its bus',
    'The broker did not answer at boot; events wait in the outbox.',
    'Start the broker.',
  ),

  // Stores
  store_weak: warn(
    'store is set up weaker than it promises',
    'A setting of the database server can lose what was committed, or gives too many rights.',
    'Do what the line says.',
  ),
  store_partitions_kept: warn(
    'store keeps its number of partitions',
    'The outbox was made with another number of partitions than the topology names.',
    'Name the number that the store has, or move the service to a new store.',
  ),
  transaction_idle: warn(
    'handler idles inside its transaction',
    'A handler waits for something other than `db` while its transaction is open; others wait for it.',
    'Move the wait into `prepare` or into an effect.',
  ),
  statement_unawaited: warn(
    'statement failed that its handler did not await',
    'A statement failed and no code awaited it; nothing of the call is kept.',
    'Await every statement.',
  ),
  statement_too_late: warn(
    'statement issued after its handler had returned',
    'A handler returned before it issued a statement; the statement did not run.',
    'Await every statement.',
  ),
  commit_listener_failed: warn(
    'listener failed after a commit',
    'Code that runs after a commit threw; the commit stands.',
    'Look at `err`.',
  ),
} as const satisfies Record<string, LogEventEntry>;

/** The code of a log line. */
export type LogEvent = keyof typeof LOG_EVENTS;

type EventOfLevel<Level> = { [Event in LogEvent]: (typeof LOG_EVENTS)[Event]['level'] extends Level ? Event : never }[LogEvent];

/** Warns of something. Parts that cannot reach the log (stores, a start) are given this. */
export type Warn = (event: EventOfLevel<'warn'>, fields: object, detail?: string) => void;
