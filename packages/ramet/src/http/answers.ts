import { STATUS_CODES } from 'node:http';
import { type ErrorCode, problemOf, RametError } from '../errors/index.ts';
import { SECOND } from '../platform/index.ts';
import type { Trace } from '../telemetry/index.ts';

export interface ProblemDetails {
  /** When it makes sense to try again, in milliseconds from now. */
  readonly retryAfterMs?: number | undefined;
  /** The methods that a 405 names. */
  readonly allowed?: readonly string[] | undefined;
  /** The scope that a 403 misses. */
  readonly scope?: string | undefined;
}

/**
 * The headers of an error answer: its type, that no cache may keep it, and what the status requires (`allow`,
 * `retry-after` in whole seconds, `www-authenticate` as RFC 6750 has it).
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

/** An answer whose body is known whole. */
export interface WholeAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array;
}

/** An answer that is sent piece by piece while it is made; it ends when its lines do. */
export interface StreamedAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly lines: AsyncIterable<string>;
}

export type HttpAnswer = WholeAnswer | StreamedAnswer;

/** Of every answer that does not say otherwise. For a browser that opens one as a page: it is data, and nothing in it may run. */
export const COMMON_HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  'referrer-policy': 'no-referrer',
  'cache-control': 'no-store',
};

/** A refusal as problem+json. */
export function problemAnswer(
  error: unknown,
  { correlationId }: Pick<Trace, 'correlationId'>,
  details: { allowed?: readonly string[]; scope?: string } = {},
): WholeAnswer {
  const problem = problemOf(error, correlationId);
  const retryAfterMs = error instanceof RametError ? error.retryAfterMs : undefined;
  return {
    // 499 means that the client has gone; a client that is still there may try again.
    status: problem.status === 499 ? 503 : problem.status,
    headers: { ...problemHeaders(problem, { retryAfterMs, ...details }), 'x-correlation-id': correlationId },
    body: JSON.stringify(problem),
  };
}

/** The bytes of an answer for a connection on which no request came about; the connection ends with it. */
export function rawAnswer({ status, headers, body }: WholeAnswer): string {
  const all = { ...COMMON_HEADERS, ...headers, connection: 'close', 'content-length': String(Buffer.byteLength(body)) };
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`);
  return `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}\r\n${lines.join('')}\r\n${body}`;
}

/** What Node's parser, or its clock, has against what a client sent. */
export function parserError(error: { readonly code?: string | undefined }): RametError {
  return new RametError(PARSER_CODES[error.code ?? ''] ?? 'MalformedRequest');
}

const PARSER_CODES: Readonly<Record<string, ErrorCode>> = {
  HPE_HEADER_OVERFLOW: 'HeadTooLarge',
  HPE_CHUNK_EXTENSIONS_OVERFLOW: 'PayloadTooLarge',
  ERR_HTTP_REQUEST_TIMEOUT: 'RequestTimeout',
};
