import { DeclaredError, type Issue, RametError } from './ramet-error.ts';
import { ERRORS } from './table.ts';

/** An error as clients receive it: RFC 9457, `application/problem+json`. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly code: string;
  readonly detail?: string;
  readonly errors?: readonly Issue[];
  readonly data?: unknown;
  readonly correlationId?: string;
}

/**
 * Reduces an error to what a client may know: a declared failure is complete; a fault has its code and fix, and nothing internal (no
 * message of a library, no stack, no name of a host).
 */
export function problemOf(error: unknown, correlationId?: string): Problem {
  const tail = correlationId === undefined ? {} : { correlationId };
  if (error instanceof DeclaredError) {
    return {
      type: `urn:ramet:failure:${error.error}`,
      title: error.error,
      status: error.status,
      code: error.error,
      data: error.data,
      ...tail,
    };
  }
  const known = error instanceof RametError ? error : new RametError('Internal');
  const entry = ERRORS[known.code];
  const own = entry.status < 500;
  return {
    type: `urn:ramet:error:${known.code}`,
    title: entry.title,
    status: entry.status,
    code: known.code,
    detail: own && known.message !== entry.title ? `${known.message}. ${entry.fix}` : entry.fix,
    ...(own && known.issues.length > 0 ? { errors: known.issues } : {}),
    ...tail,
  };
}
