import { ERRORS, type ErrorCode } from '../errors/index.ts';
import { canonicalPath } from './canonical-path.ts';

/** A request as Node's parser gives it, before its headers are merged. */
export interface RawRequest {
  readonly method: string;
  /** The request target of the first line. */
  readonly url: string;
  readonly httpVersion: string;
  /** Names and values, alternating. */
  readonly rawHeaders: readonly string[];
}

/** What the gate checks beside the rules of HTTP. */
export interface GateOptions {
  /** The hosts that are served, as `shop.example` (any port) or `shop.example:8443`; every host where absent. */
  readonly hosts?: readonly string[];
}

/** A request that passed the gate. Later code sees nothing else of what the client sent. */
export interface GatedRequest {
  readonly ok: true;
  readonly method: string;
  /** The canonical path. `*` for `OPTIONS *`, which has no route. */
  readonly path: string;
  /** The decoded segments of the path, for the router; empty for `/` and for `*`. */
  readonly segments: readonly string[];
  /** The query without its question mark; empty where the target has no query. */
  readonly rawQuery: string;
  /** The headers, with names in lower case. The values of a repeated header are joined. */
  readonly headers: ReadonlyMap<string, string>;
  /** The host in lower case, with the port if the client named one. */
  readonly host: string;
}

/** The answer to a request that does not pass. From status 400 on the connection must end: its next bytes may be the rest of an attack. */
export interface Refusal {
  readonly ok: false;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
  /** The canonical address of the resource, with status 308. */
  readonly location?: string;
}

const MAX_HEADERS = 100;
const MAX_HEAD_BYTES = 16 * 1024;

const HOST = /^(?:[a-z0-9.-]{1,253}|\[[0-9a-f:.]+\])(?::\d{1,5})?$/i;
/** The token of RFC 9110 without `_`, which CGI and similar servers read as `-`: `x_ramet_identity` must not pass as ours. */
const HEADER_NAME = /^[A-Za-z0-9!#$%&'*+.^`|~-]+$/;
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/;

/** Headers that must not repeat: of two, one reader takes the first and another the last. */
const SINGLETONS: ReadonlySet<string> = new Set([
  'authorization',
  'content-encoding',
  'content-length',
  'content-type',
  'expect',
  'forwarded',
  'host',
  'idempotency-key',
  'origin',
  'traceparent',
  'transfer-encoding',
  'upgrade',
  'x-correlation-id',
  'x-real-ip',
]);

/**
 * Admits a request in its one canonical spelling, or refuses it with a reason. It reads the raw headers, because Node's merged headers
 * hide duplicates, and refuses everything that two HTTP parsers read differently, because such differences make request smuggling
 * possible. A refused request reaches no service. The rules follow RFC 9112, Envoy's advice for edge proxies and PortSwigger's
 * research on desynchronisation.
 */
export function gate(raw: RawRequest, { hosts }: GateOptions = {}): GatedRequest | Refusal {
  if (raw.httpVersion !== '1.1' && raw.httpVersion !== '1.0')
    return refused(`HTTP/${raw.httpVersion} is not supported`, { code: 'HttpVersionNotSupported' });
  if (!/^[A-Z]+(?:-[A-Z]+)*$/.test(raw.method) || raw.method === 'CONNECT') return refused('This method is not accepted');

  const headers = new Map<string, string>();
  const size = headSizeProblem(raw);
  if (size !== undefined) return refused(size, { code: 'HeadTooLarge' });
  const problem = collectHeaders(raw, headers) ?? framingProblem(raw.httpVersion, headers) ?? upgradeProblem(headers);
  if (problem !== undefined) return refused(problem);
  if ((headers.get('expect') ?? '100-continue').toLowerCase() !== '100-continue')
    return refused('This expectation is not supported', { code: 'ExpectationFailed' });

  const host = headers.get('host')?.toLowerCase();
  if (host === undefined) return refused('There must be one Host header');
  if (!HOST.test(host) || portOf(host) > 65_535) return refused('The Host header is not a host');
  if (hosts && !hosts.some((known) => known.toLowerCase() === host || known.toLowerCase() === host.replace(/:\d+$/, ''))) {
    return refused('This host is not served here', { code: 'MisdirectedRequest' });
  }

  const common = { ok: true, method: raw.method, headers, host } as const;
  if (raw.url === '*' && raw.method === 'OPTIONS') return { ...common, path: '*', segments: [], rawQuery: '' };
  return gateTarget(raw, common);
}

function gateTarget({ method, url }: RawRequest, common: Pick<GatedRequest, 'ok' | 'method' | 'headers' | 'host'>): GatedRequest | Refusal {
  if (!url.startsWith('/')) return refused('The request target is not a path');
  const stray = url.search(/[^\x21-\x7e]|#/);
  if (stray !== -1) return refused(`The request target holds a character that is not allowed there, at position ${stray}`);
  const question = url.indexOf('?');
  const received = question === -1 ? url : url.slice(0, question);
  const rawQuery = question === -1 ? '' : url.slice(question + 1);
  const canonical = canonicalPath(received);
  if (!canonical.ok) return refused(canonical.detail);
  const { path, segments } = canonical;
  if (path === received) return { ...common, path, segments, rawQuery };
  const detail = 'The path is not written in its canonical form';
  if (method !== 'GET' && method !== 'HEAD') return refused(detail);
  return { ok: false, status: 308, code: 'MalformedRequest', detail, location: rawQuery === '' ? path : `${path}?${rawQuery}` };
}

function headSizeProblem({ method, url, rawHeaders }: RawRequest): string | undefined {
  if (rawHeaders.length / 2 > MAX_HEADERS) return `There are more than ${MAX_HEADERS} headers`;
  let bytes = method.length + url.length;
  for (const text of rawHeaders) bytes += text.length;
  return bytes > MAX_HEAD_BYTES ? `The head of the request is longer than ${MAX_HEAD_BYTES} bytes` : undefined;
}

/** Fills `headers`, or says what is wrong with a header. */
function collectHeaders({ rawHeaders }: RawRequest, headers: Map<string, string>): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = (rawHeaders[i] as string).toLowerCase();
    const value = withoutBlanks(rawHeaders[i + 1] ?? '');
    if (!HEADER_NAME.test(name)) return `Header ${i / 2 + 1} has a name that is not accepted`;
    if (!HEADER_VALUE.test(value)) return `The header ${name} holds characters that are not accepted`;
    const before = headers.get(name);
    if (before === undefined) headers.set(name, value);
    else if (SINGLETONS.has(name) || name.startsWith('x-forwarded-')) return `There must not be two headers ${name}`;
    else headers.set(name, `${before}${name === 'cookie' ? '; ' : ', '}${value}`);
  }
  return undefined;
}

/** Removes blanks. `trim()` would remove a no-break space too, and read `chunked` where no other reader does. */
function withoutBlanks(value: string): string {
  const isBlank = (at: number) => value.charCodeAt(at) === 0x20 || value.charCodeAt(at) === 0x09;
  let [from, to] = [0, value.length];
  while (from < to && isBlank(from)) from += 1;
  while (to > from && isBlank(to - 1)) to -= 1;
  return value.slice(from, to);
}

/** Says what is wrong with the framing of a body. If two readers see different ends, only one of them takes the next bytes for a request. */
function framingProblem(httpVersion: string, headers: ReadonlyMap<string, string>): string | undefined {
  const encoding = headers.get('transfer-encoding');
  const length = headers.get('content-length');
  if (length !== undefined && !/^\d{1,15}$/.test(length)) return 'The Content-Length is not a number';
  if (encoding === undefined) return undefined;
  if (httpVersion === '1.0') return 'HTTP/1.0 has no Transfer-Encoding';
  if (encoding.toLowerCase() !== 'chunked') return 'The only Transfer-Encoding is chunked';
  return length === undefined ? undefined : 'There must not be both Transfer-Encoding and Content-Length';
}

/** Says what is wrong with an upgrade. A route decides about websockets; a switch to any other protocol, such as HTTP/2, is refused. */
function upgradeProblem(headers: ReadonlyMap<string, string>): string | undefined {
  const upgrade = headers.get('upgrade');
  if (headers.has('http2-settings')) return 'HTTP/2 is not supported on this connection';
  return upgrade === undefined || upgrade.toLowerCase() === 'websocket' ? undefined : 'The only Upgrade is websocket';
}

function portOf(host: string): number {
  return Number(/:(\d+)$/.exec(host)?.[1] ?? 0);
}

function refused(detail: string, { code }: { code: ErrorCode } = { code: 'MalformedRequest' }): Refusal {
  return { ok: false, status: ERRORS[code].status, code, detail };
}
