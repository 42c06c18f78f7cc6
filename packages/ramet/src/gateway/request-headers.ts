import { correlationId, idempotencyKey, parseTraceParent, validTraceState } from './headers.ts';

/** What a client may say to a service, and what it must look like where we read it ourselves. */
const ALLOWED: ReadonlyMap<string, (value: string) => string | undefined> = new Map([
  ...[
    'accept',
    'accept-language',
    'content-type',
    'user-agent',
    'if-match',
    'if-none-match',
    'if-modified-since',
    'if-unmodified-since',
  ].map((name) => [name, asItIs] as const),
  ['x-correlation-id', correlationId],
  ['idempotency-key', idempotencyKey],
  ['traceparent', (value: string) => parseTraceParent(value) && value],
  ['tracestate', validTraceState],
]);

const HOP_BY_HOP: ReadonlySet<string> = new Set([
  'connection',
  'keep-alive',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
  'http2-settings',
  // The body is framed anew and sent to another host, and `expect` was answered here.
  'content-length',
  'host',
  'expect',
]);

/** Names that only a gateway may set: whoever could send them would be somebody else. Underscores pass for dashes in CGI and its heirs. */
const RESERVED = /^(?:x-ramet-.*|x-forwarded(?:-.*)?|forwarded|x-real-ip|x-original-.*|x-rewrite-.*|proxy(?:-.*)?)$/;

/**
 * Whether a header may travel from a client to a service when its route declares it: no hop-by-hop header, none that names
 * an identity or an address. Boot asks this of every declared name.
 * @param name in any case
 */
export function mayDeclareHeader(name: string): boolean {
  const lower = name.toLowerCase();
  return /^[a-z0-9!#$%&'*+.^`|~-]+$/.test(lower) && !HOP_BY_HOP.has(lower) && !RESERVED.test(lower);
}

/**
 * Builds the headers for the service from nothing: of the client's only what a list allows and no `connection` header
 * names, then ours. The order matters: `Connection: x-ramet-identity` must not take away what we add (CVE-2024-45410).
 * @param client what the request gate let through, names in lower case
 * @param own what the gateway says itself; wins over the client's
 * @param declared names, in lower case, that the route lets through besides; those that {@link mayDeclareHeader} refuses never are
 * @throws RangeError when a header of `own` is hop-by-hop or would break out of its line: a fault of the gateway
 */
export function upstreamHeaders(
  client: ReadonlyMap<string, string>,
  own: Readonly<Record<string, string>>,
  declared: readonly string[] = [],
): Record<string, string> {
  const dropped = new Set(
    client
      .get('connection')
      ?.toLowerCase()
      .split(',')
      .map((name) => name.trim()),
  );
  const headers: Record<string, string> = {};
  for (const [name, validated] of ALLOWED) {
    const value = client.get(name);
    const kept = value === undefined || dropped.has(name) ? undefined : validated(value);
    if (kept !== undefined) headers[name] = kept;
  }
  for (const name of declared) {
    const value = client.get(name);
    if (value !== undefined && !ALLOWED.has(name) && !dropped.has(name) && mayDeclareHeader(name)) headers[name] = value;
  }
  if (headers.traceparent === undefined) delete headers.tracestate;
  for (const [name, value] of Object.entries(own)) {
    const lower = name.toLowerCase();
    if (HOP_BY_HOP.has(lower) || !/^[a-z0-9-]+$/.test(lower)) throw new RangeError(`The gateway does not set a header '${name}'`);
    if (!/^[\t\x20-\x7e]*$/.test(value))
      throw new RangeError(`The value of the header '${name}' holds characters that do not belong there: encode it`);
    headers[lower] = value;
  }
  return headers;
}

function asItIs(value: string): string {
  return value;
}
