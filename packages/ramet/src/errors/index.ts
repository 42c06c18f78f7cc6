export { LOG_EVENTS, type LogEvent, type LogEventEntry, type Warn } from './log-events.ts';
export { builtin, nodeProblem, peer } from './needs.ts';
export { isOutage, unreachable } from './outage.ts';
export { type Problem, problemOf } from './problem.ts';
export { BootError, DeclaredError, type Issue, issuesText, PermanentError, RametError, type RametErrorOptions } from './ramet-error.ts';
export { postgresPasses, postgresRemedy, reasonOf, sqlState } from './sql-state.ts';
export { ERRORS, type ErrorCode, type ErrorEntry } from './table.ts';
export { asGuard, isGuard, isNoted, noticeUnawaited, whenUnawaited } from './unawaited.ts';
