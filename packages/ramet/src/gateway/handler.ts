import { mask } from '../contract/index.ts';
import { DeclaredError, type Issue, problemOf, RametError } from '../errors/index.ts';
import { type CallOptions, type CallOrigin, type CallWatcher, type Cancellation, type TransportRoutes, unwrap } from '../rpc/index.ts';
import { ANONYMOUS, type Caller, principalOf } from '../security/index.ts';
import { newTrace, type Trace } from '../telemetry/index.ts';
import { Answer } from './answer.ts';
import { clientAddressReader, limitKey } from './client-address.ts';
import type { GatewayDefinition, Limit } from './gateway.ts';
import { bearerToken, idempotencyKey, preferredWaitMs, problemHeaders } from './headers.ts';
import { parseJsonBody } from './json-body.ts';
import { type Authenticator, createAuthenticator } from './jwt.ts';
import { keySource } from './key-source.ts';
import { createLimits, type LimitsEnvironment } from './limits.ts';
import { parseQuery } from './query-string.ts';
import { type ComposedRoute, compileRoutes, type OperationRoute, type Route } from './routes.ts';
import { SITE_PATTERN } from './site.ts';

/** A request that has passed the gate: what everything behind it sees, and nothing else of what was sent. */
export interface CanonicalRequest {
  readonly method: string;
  readonly segments: readonly string[];
  readonly rawQuery: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly socketAddress: string;
  readonly body: Uint8Array | undefined;
  readonly cancellation: Cancellation;
}

export type GatewayResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The pattern of the route, for metrics; `(site)` for a file, `(none)` where there was none. */
  readonly route: string;
  readonly correlationId: string;
} & ({ readonly body: string | Uint8Array } | { readonly events: AsyncIterable<unknown> });

export interface GatewayHandler {
  handle(request: CanonicalRequest): Promise<GatewayResponse>;
  readonly routes: readonly Route[];
}

export interface GatewayEnvironment extends LimitsEnvironment {
  readonly transport: TransportRoutes;
  /** Checks tokens in place of the one that the definition says. For simulators. */
  readonly authenticator?: Authenticator;
  /** Sees what the policies of the gateway's calls do. */
  readonly watch?: CallWatcher;
}

/** No request without a token may fail authentication more often than this, per client. */
const AUTH_FAILURES: Limit = { rate: '300/15m' };
const JSON_TYPE = /^application\/(?:[a-z0-9.+-]+\+)?json\s*(?:;|$)/i;
const REQUEST_TIMEOUT_MS = 35_000;

/** Compiles a gateway into one function from request to response: the pipeline route, authentication, authorisation, limits, call. */
export function createGateway(
  environment: GatewayEnvironment,
  definition: GatewayDefinition,
): { handler: GatewayHandler; problems: string[] } {
  const { platform, transport, log } = environment;
  const { router, routes, site, problems } = compileRoutes(platform, transport, definition, environment.watch);
  if (problems.length > 0) return { handler: { handle: () => Promise.reject(new RametError('BootFailed')), routes }, problems };
  const authenticator = environment.authenticator ?? authenticatorOf(environment, definition);
  const addressOf = clientAddressReader(definition.trustedProxies);
  const limits = createLimits(environment, definition.name);

  /** The answer under an idempotency key goes to the client that had it, and to no other one. */
  const anonymous = (request: CanonicalRequest, client: string): Caller =>
    request.headers.has('idempotency-key') ? { ...ANONYMOUS, client: platform.crypto.sha256(`anonymous client ${client}`) } : ANONYMOUS;

  const authenticate = async (route: Route, request: CanonicalRequest, client: string): Promise<Caller> => {
    if ('access' in route.access && route.access.access === 'public') return anonymous(request, client);
    try {
      const token = bearerToken(request.headers.get('authorization'));
      if (token.kind === 'missing') throw new RametError('MissingToken');
      if (token.kind === 'malformed') throw new RametError('InvalidToken', 'The authorization header is no bearer token');
      return await (authenticator as Authenticator).verify(token.token);
    } catch (error) {
      if (error instanceof RametError && error.status === 401) await limits.take(AUTH_FAILURES, 'failures', client);
      throw error;
    }
  };

  return {
    problems,
    handler: {
      routes,
      async handle(request) {
        const trace = newTrace(platform, {
          correlationId: request.headers.get('x-correlation-id'),
          traceparent: request.headers.get('traceparent'),
        });
        let pattern = '(none)';
        let scope: string | undefined;
        const rateHeaders: Record<string, string> = {};
        try {
          const matched = router.match(request.method, request.segments) ?? site?.match(request);
          if (!matched) throw new RametError('NotFound');
          if ('body' in matched) return { ...matched, route: SITE_PATTERN, correlationId: trace.correlationId };
          if ('allowed' in matched)
            return refusal(
              new RametError('MethodNotAllowed', `The methods here are ${matched.allowed.join(', ')}`),
              trace,
              pattern,
              {},
              { allowed: matched.allowed },
            );
          const { route, params } = matched;
          pattern = route.pattern;
          const client = limitKey(addressOf({ socketAddress: request.socketAddress, forwardedFor: forwarded(request) }));
          const caller = await authenticate(route, request, client);
          if ('scope' in route.access) scope = route.access.scope;
          if ('scope' in route.access && !caller.scopes.includes(route.access.scope))
            throw new RametError('Forbidden', `The token lacks the scope '${route.access.scope}'`);
          const principal = caller.kind === 'user' ? principalOf(caller) : client;
          const declared = limitsOf(definition, route);
          for (const one of declared.filter((each) => !isByField(each))) {
            const own = one === route.limit;
            const counted = limits.take(one, own ? 'route' : 'client', own ? `${principal} ${pattern}` : principal, rateHeaders);
            if (counted) await counted;
          }
          const key = keyOf(route, request);
          const input = inputOf(route, request, params);
          for (const one of declared.filter(isByField)) {
            const counted = limits.take(one, 'field', `${principal} ${pattern} ${fieldOf(input, one.by as string)}`, rateHeaders);
            if (counted) await counted;
          }
          return await answerTo(environment, route, request, caller, trace, key, input, rateHeaders);
        } catch (error) {
          if (!(error instanceof RametError) && !(error instanceof DeclaredError))
            log.error({ err: error, route: pattern, correlationId: trace.correlationId }, 'a route failed');
          return refusal(error, trace, pattern, rateHeaders, scope === undefined ? {} : { scope });
        }
      },
    },
  };
}

function authenticatorOf(
  { platform, transport, log }: GatewayEnvironment,
  { authenticate, name }: GatewayDefinition,
): Authenticator | undefined {
  if (!authenticate) return undefined;
  return createAuthenticator(platform, log, authenticate, keySource(platform, transport, name, authenticate.keys));
}

const forwarded = (request: CanonicalRequest): string[] => {
  const header = request.headers.get('x-forwarded-for');
  return header === undefined ? [] : [header];
};

/** A limit by a field comes on top of the gateway's: whoever changes the field with every request must not escape both. */
function limitsOf({ limit: general }: GatewayDefinition, { limit: own }: Route): Limit[] {
  if (own === false) return [];
  const limits = own === undefined ? [general] : isByField(own) ? [general, own] : [own];
  return limits.filter((limit) => limit !== undefined);
}

const isByField = ({ by }: Limit): boolean => by?.startsWith('input.') === true;

function fieldOf(input: unknown, by: string): string {
  const value = (input as Record<string, unknown> | undefined)?.[by.slice('input.'.length)];
  return typeof value === 'string' ? value.trim().toLowerCase() : String(value);
}

function keyOf(route: Route, request: CanonicalRequest): string | undefined {
  const header = request.headers.get('idempotency-key');
  if (header === undefined) {
    if (route.keyRequired) throw new RametError('MissingIdempotencyKey');
    return undefined;
  }
  const key = idempotencyKey(header);
  if (key === undefined)
    throw new RametError('BadRequest', 'The header Idempotency-Key is not acceptable', {
      issues: [{ path: 'idempotency-key', message: '1 to 255 visible ASCII characters' }],
    });
  return key;
}

/** The input of a route: what the path, the query and the body say together; the path has the last word. */
function inputOf(route: Route, request: CanonicalRequest, params: Readonly<Record<string, string>>): unknown {
  const query = parseQuery(request.rawQuery);
  if (!query.ok) throw new RametError('MalformedRequest', query.detail);
  const coerced = route.coerce([...query.pairs, ...Object.entries(params)]);
  const issues: Issue[] = [...coerced.issues];
  let merged: unknown = coerced.value;
  if (request.body && request.body.length > 0) {
    const body = bodyOf(request);
    if (typeof body !== 'object' || body === null || Array.isArray(body))
      throw new RametError('BadRequest', 'The body must be a JSON object', { issues: [{ path: '', message: 'expected an object' }] });
    merged = { ...coerced.value, ...body, ...route.coerce(Object.entries(params)).value };
  } else merged = { ...coerced.value };
  const decoded = route.input.decode(merged);
  if (!decoded.ok) throw new RametError('BadRequest', 'The request does not fit the contract', { issues: [...issues, ...decoded.issues] });
  if (issues.length > 0) throw new RametError('BadRequest', 'The request does not fit the contract', { issues });
  return decoded.value;
}

function bodyOf(request: CanonicalRequest): unknown {
  const type = request.headers.get('content-type');
  if (type === undefined || !JSON_TYPE.test(type)) throw new RametError('UnsupportedMediaType');
  if (request.headers.has('content-encoding')) throw new RametError('UnsupportedMediaType', 'The body must not be encoded');
  let text: string;
  try {
    text = new TextDecoder('utf-8', { fatal: true }).decode(request.body);
  } catch {
    throw new RametError('MalformedBody', 'The body is not UTF-8');
  }
  const parsed = parseJsonBody(text);
  if (!parsed.ok) throw new RametError('MalformedBody', parsed.detail, { issues: parsed.issues });
  return parsed.value;
}

async function answerTo(
  environment: GatewayEnvironment,
  route: Route,
  request: CanonicalRequest,
  caller: Caller,
  trace: Trace,
  key: string | undefined,
  input: unknown,
  headers: Record<string, string>,
): Promise<GatewayResponse> {
  const { platform } = environment;
  const startedMono = platform.clock.monoNow();
  const origin: CallOrigin = {
    meta: { caller, trace, depth: 0 },
    remainingMs: () => REQUEST_TIMEOUT_MS - (platform.clock.monoNow() - startedMono),
    get signal() {
      return request.cancellation.signal;
    },
    cancellation: request.cancellation,
  };
  const base = { headers: { ...headers }, route: route.pattern, correlationId: trace.correlationId };
  if (route.kind !== 'compose') {
    if (route.kind === 'stream') return { ...base, status: 200, events: await opened(route, input, origin) };
    const value = unwrap(await route.edge.call(route.compiled.operation, input, origin, callOptions(key)));
    return json(base, route.status, value);
  }
  const value = await composedAnswer(environment, route, request, origin, key, input);
  if (value instanceof Answer) return { ...base, status: value.status, headers: { ...base.headers, ...value.headers }, body: value.body };
  return json(base, route.status, value);
}

const callOptions = (key: string | undefined): CallOptions => (key === undefined ? {} : { key });

function json(base: Omit<GatewayResponse, 'status' | 'body' | 'events'>, status: number, value: unknown): GatewayResponse {
  if (value === undefined || status === 204) return { ...base, status: status === 200 ? 204 : status, body: '' };
  return { ...base, status, headers: { ...base.headers, 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(value) };
}

async function composedAnswer(
  environment: GatewayEnvironment,
  route: ComposedRoute,
  request: CanonicalRequest,
  origin: CallOrigin,
  key: string | undefined,
  input: unknown,
): Promise<unknown> {
  const fail: Record<string, (data: unknown) => Error> = {};
  for (const [name, { status, data: codec }] of route.errors) {
    fail[name] = (data) => {
      const decoded = codec.decode(data);
      return decoded.ok
        ? new DeclaredError(name, status, decoded.value, mask(decoded.value, codec.shapes))
        : new RametError('InvalidOutput', `failure '${name}' does not fit`, { issues: decoded.issues });
    };
  }
  const value = await route.composed.run(input, {
    caller: origin.meta.caller,
    use: route.clients(origin) as never,
    log: environment.log.child({ correlationId: origin.meta.trace.correlationId, route: route.pattern }),
    get signal() {
      return request.cancellation.signal;
    },
    crypto: environment.platform.crypto,
    key,
    waitMs: preferredWaitMs(request.headers.get('prefer')),
    fail,
  });
  if (value instanceof Answer || !route.output) return value;
  const decoded = route.output.decode(value);
  if (!decoded.ok) throw new RametError('InvalidOutput', `the answer of '${route.pattern}' does not fit`, { issues: decoded.issues });
  return decoded.value;
}

/** Opens a stream and waits for its first word: a stream that fails at once is a problem, not an empty success. */
async function opened(route: OperationRoute, input: unknown, origin: CallOrigin): Promise<AsyncIterable<unknown>> {
  const stream = route.edge.stream(route.compiled.operation, input, origin);
  const first = await stream.next();
  return (async function* () {
    if (first.done) return;
    yield first.value;
    yield* stream;
  })();
}

/** A refusal as problem+json. */
export function refusal(
  error: unknown,
  trace: Trace,
  route: string,
  headers: Readonly<Record<string, string>> = {},
  details: { allowed?: readonly string[]; scope?: string } = {},
): GatewayResponse {
  const problem = problemOf(error, trace.correlationId);
  const retryAfterMs = error instanceof RametError ? error.retryAfterMs : undefined;
  return {
    // 499 is what we call it when the client has gone; whoever is still there is told to come back.
    status: problem.status === 499 ? 503 : problem.status,
    headers: { ...headers, ...problemHeaders(problem, { retryAfterMs, ...details }) },
    route,
    correlationId: trace.correlationId,
    body: JSON.stringify(problem),
  };
}
