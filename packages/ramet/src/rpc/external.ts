import { RametError } from '../errors/index.ts';
import { type HttpRequest, type Platform, plainKey } from '../platform/index.ts';
import { type CallMeta, type Cancellation, fault, type Reply } from './call.ts';
import { Edge } from './edge.ts';
import type { Called, CallOrigin } from './origin.ts';
import type { Outbound } from './outbound.ts';
import type { CompiledPolicy } from './policies/policy.ts';
import type { Judgement } from './running-call.ts';
import type { TransportRoutes } from './transport.ts';
import type { External, ExternalClient } from './use.ts';

/** The most operations that are tracked for one system: its addresses may be endless. */
const OPERATIONS_MAX = 32;
const SAFE = new Set(['GET', 'HEAD', 'OPTIONS']);
/** Codes of errors after which nothing was sent, because there was no connection. */
const NOT_CONNECTED = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH', 'ENETUNREACH', 'UND_ERR_CONNECT_TIMEOUT']);

const PLAIN = /^[ -~]*$/;
const UNSENDABLE = /[^\t -~\u0080-\u00ff]/;

interface ExternalRequest {
  readonly path: string;
  readonly request: HttpRequest;
}

/** Makes HTTP clients of an external system, under the same policies as every call. */
export function externalMaker(
  platform: Platform,
  declared: External,
  policy: CompiledPolicy,
  outbound: Outbound,
): (origin: CallOrigin) => ExternalClient {
  const { external: name } = declared;
  const edge = new Edge(outbound, overHttp(platform, declared), name, policy, (value) => judge(value as Response));
  const operations = new Set<string>();
  const operationOf = (method: string, path: string): string => {
    const operation = `${method} /${/^\/([^/?#]*)/.exec(path)?.[1] ?? ''}`;
    if (!operations.has(operation) && operations.size >= OPERATIONS_MAX) return `${method} /*`;
    operations.add(operation);
    return operation;
  };
  return (origin) => ({
    async fetch(path: string, request: HttpRequest = {}): Promise<Response> {
      const method = (request.method ?? 'GET').toUpperCase();
      const kind = SAFE.has(method) ? 'query' : 'command';
      const operation: Called = { kind, service: name, name: operationOf(method, path) };
      if (!path.startsWith('/') || path.startsWith('//'))
        throw edge.noted(operation, new TypeError(`'${path}' is not a path: begin it with one slash`));
      const headers = headersOf(platform, request);
      const key = Object.entries(headers).find(([name]) => isKey(name))?.[1];
      const input: ExternalRequest = { path, request: { ...request, headers } };
      const reply = await edge.call(
        operation,
        input,
        request.signal ? withSignal(origin, request.signal) : origin,
        key === undefined ? {} : { key },
      );
      return edge.unwrap(operation, reply) as Response;
    },
  });
}

/** Checks the URL of a system. @returns what is wrong with it */
export function urlProblems({ external: name, url }: External): string[] {
  if (URL.canParse(url) && /^https?:$/.test(new URL(url).protocol)) return [];
  return [
    `'${url}' is not a URL of ${name}: give one as 'https://api.example.com/v1', or 'connect' for a system that is not reached over HTTP`,
  ];
}

/**
 * Prepares the headers of a request. An idempotency key may hold any text, so it is encoded where necessary.
 * @throws TypeError when another header cannot be sent: that is a mistake of the caller and says nothing about the system
 */
function headersOf({ crypto }: Platform, { headers = {} }: HttpRequest): Record<string, string> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      if (isKey(name)) return [name, PLAIN.test(value) ? value : plainKey(value, crypto.sha256)];
      if (UNSENDABLE.test(value)) throw new TypeError(`header '${name}' holds a line break or a character beyond Latin-1: encode it`);
      return [name, value];
    }),
  );
}

const isKey = (name: string): boolean => name.toLowerCase() === 'idempotency-key';

const withSignal = ({ meta, remainingMs, signal }: CallOrigin, own: AbortSignal): CallOrigin => ({
  meta,
  remainingMs,
  signal: signal ? AbortSignal.any([signal, own]) : own,
});

/** Judges the system by the status of its answer: 5xx is a failure. An answer with `retry-after` is retried. */
function judge(answer: Response): Judgement {
  const failed = answer.status >= 500;
  const after = answer.status === 429 || answer.status === 503 ? answer.headers.get('retry-after') : null;
  // A date would require that the clock of the other system is right.
  return after !== null && /^\d{1,6}$/.test(after) ? { failed, retryAfterMs: Number(after) * 1_000 } : { failed };
}

function overHttp(platform: Platform, { external: name, url }: External): TransportRoutes {
  return {
    async call(_, input, meta: CallMeta, cancellation: Cancellation): Promise<Reply> {
      const { path, request } = input as ExternalRequest;
      try {
        const answer = await platform.http.fetch(url + path, {
          ...request,
          external: { name, path },
          headers: { traceparent: meta.trace.traceparent, ...request.headers },
          signal: cancellation.signal,
        });
        // The body is read under the same deadline, and the connection is free when this returns.
        const body = await answer.text();
        const empty = answer.status === 204 || answer.status === 304;
        const headers = [...answer.headers] as [string, string][];
        return { ok: true, value: new Response(empty ? null : body, { status: answer.status, headers }) };
      } catch (error) {
        const reason = reasonOf(error);
        return fault(
          new RametError('Unavailable', `${name} cannot be reached (${reason})`, {
            cause: error,
            executed: NOT_CONNECTED.has(reason) ? 'no' : 'unknown',
          }),
        );
      }
    },
    // biome-ignore lint/correctness/useYield: there are no streams of other systems
    async *stream() {
      throw new RametError('UnknownOperation', `${name} has no streams`);
    },
  };
}

/** Reads the reason of a failed fetch: Undici says 'fetch failed' and keeps the reason in the cause. */
function reasonOf(error: unknown): string {
  const { message, cause } = error as Error & { cause?: Error & { code?: string } };
  return cause ? (cause.code ?? cause.message) : message;
}
