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
  // The name of a server that starts as well may not exist yet, and neither may its socket.
  'ENOTFOUND',
  'ENOENT',
  'UND_ERR_CONNECT_TIMEOUT',
  'UND_ERR_HEADERS_TIMEOUT',
  'UND_ERR_BODY_TIMEOUT',
  'UND_ERR_SOCKET',
]);
/** An error of a connection stands in one of a request, which stands in one for all addresses. */
const DEPTH_MAX = 6;

/**
 * What the network said of a server that cannot be reached.
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

/** Whether this error says that a store, a broker or a registry is unavailable: it passes without a person, so it can be waited for. */
export const isOutage = (error: unknown): boolean =>
  error instanceof RametError && (error.code === 'StoreUnavailable' || error.code === 'Unavailable');
