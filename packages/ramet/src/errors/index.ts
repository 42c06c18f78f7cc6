export { type Problem, problemOf } from './problem.ts';
export { BootError, DeclaredError, type Issue, PermanentError, RametError, type RametErrorOptions } from './ramet-error.ts';
export { ERRORS, type ErrorCode, type ErrorEntry } from './table.ts';
