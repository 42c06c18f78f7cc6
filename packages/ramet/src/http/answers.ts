import { STATUS_CODES } from 'node:http';
import { type ErrorCode, problemOf, RametError } from '../errors/index.ts';
import { SECOND } from '../platform/index.ts';
import type { Trace } from '../telemetry/index.ts';

/** What an error answer says in its headers. */
export interface ProblemDetails {
  /** When to try again, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  /** The methods that a 405 names. */
  readonly allowed?: readonly string[] | undefined;
  /** The scope that the token of a 403 lacks. */
  readonly scope?: string | undefined;
}

/**
 * Makes the headers of an error answer: its type, that no cache may store it, and the headers of its status (`allow`,
 * `retry-after` in whole seconds, `www-authenticate` by RFC 6750).
 */
export function problemHeaders({ status, code }: { status: number; code: string }, details: ProblemDetails = {}): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/problem+json',
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  };
  if (status === 401) headers['www-authenticate'] = code === 'MissingToken' ? 'Bearer' : 'Bearer error="invalid_token"';
  if (status === 403 && details.scope !== undefined) {
    headers['www-authenticate'] = `Bearer error="insufficient_scope", scope="${details.scope}"`;
  }
  if (status === 405) headers.allow = (details.allowed ?? []).join(', ');
  if (details.retryAfterMs !== undefined) headers['retry-after'] = String(Math.max(1, Math.ceil(details.retryAfterMs / SECOND)));
  return headers;
}

/** An answer with a complete body. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** An answer that is sent line by line, and ends with its last line. */
export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly lines: AsyncIterable<string>;
}

/** The answer to a request. */
export type HttpAnswer = WholeAnswer | StreamedAnswer;

/** The headers of every answer that does not set them itself. A browser that opens an answer as a page must run nothing in it. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** Makes a refusal as problem+json. */
export function problemAnswer(
  error: unknown,
  { correlationId }: Pick<Trace, 'correlationId'>,
  details: { allowed?: readonly string[]; scope?: string } = {},
): WholeAnswer {
  const problem = problemOf(error, correlationId);
  const retryAfterMs = error instanceof RametError ? error.retryAfterMs : undefined;
  return {
    // 499 means that the client has left; a client that is still connected may try again.
    status: problem.status === 499 ? 503 : problem.status,
    headers: { ...problemHeaders(problem, { retryAfterMs, ...details }), 'x-correlation-id': correlationId },
    body: JSON.stringify(problem),
  };
}

/** Writes an answer as bytes, for a connection without a valid request; the connection ends with it. */
export function rawAnswer({ status, headers, body }: WholeAnswer): string {
  const all = { ...COMMON_HEADERS, ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}

/** Translates an error of Node's parser, or of its timeouts. */
export function parserError(error: { readonly code?: string | undefined }): RametError {
  return new RametError(PARSER_CODES[error.code ?? ''] ?? 'MalformedRequest');
}

const PARSER_CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HeadTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'PayloadTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
};
