import { RametError } from './ramet-error.ts';

/** Codes of the operating system and of Node for a server that cannot be reached now, or a connection that broke. */
const UNREACHABLE = new Set([
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'EAI_AGAIN',
  // A server that is still starting may not have its name or its socket yet.
  'ENOTFOUND',
  'ENOENT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
]);
/** The error of a connection is nested in that of a request, which is nested in one for all addresses. */
const DEPTH_MAX = 6;

/**
 * Finds the error of the network about a server that cannot be reached.
 * @returns the error with the code, wherever it is within `error`; undefined when the network is not the reason
 */
export function unreachable(error: unknown, depth = DEPTH_MAX): (Error & { readonly code: string }) | undefined {
  if (!(error instanceof Error) || depth === 0) return undefined;
  const { code, syscall, errors = [], cause } = error as Error & { code?: string; syscall?: string; errors?: readonly unknown[] };
  // A file that is missing is a mistake; a socket that is missing is a server that has not started.
  const known = code !== undefined && UNREACHABLE.has(code) && (code !== 'ENOENT' || syscall === 'connect');
  for (const within of [...errors, cause]) {
    const found = unreachable(within, depth - 1);
    if (found) return found;
  }
  return known ? (error as Error & { code: string }) : undefined;
}

/** Whether this error means that a store, a broker or a registry is unavailable. An outage ends without an operator, so a process can wait for its end. */
export const isOutage = (error: unknown): boolean =>
  error instanceof RametError && (error.code === 'StoreUnavailable' || error.code === 'Unavailable');
