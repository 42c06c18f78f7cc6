import { DeclaredError, RametError } from '../errors/index.ts';
import { problemAnswer } from '../http/index.ts';
import { ANONYMOUS, type Caller, principalOf } from '../security/index.ts';
import { newTrace, type Trace } from '../telemetry/index.ts';
import type { GatewayDefinition, Limit } from './gateway.ts';
import { createLimits, type LimitKind } from './limits/limits.ts';
import { OpenStreams } from './limits/open-streams.ts';
import { RouteTimes } from './limits/route-times.ts';
import { type Admitted, outcomeOf } from './outcome.ts';
import { clientAddressReader, limitKey } from './request/client-address.ts';
import { bearerToken } from './request/headers.ts';
import { inputOf, keyOf } from './request/input.ts';
import type { CanonicalRequest, GatewayEnvironment, GatewayHandler, GatewayResponse } from './request.ts';
import { compileRoutes, type Route } from './routes.ts';
import { SITE_PATTERN } from './site.ts';
import { type Authenticator, createAuthenticator } from './tokens/jwt.ts';
import { keySource } from './tokens/key-source.ts';

/** No request without a token may fail authentication more often than this, per client. */
const AUTH_FAILURES: Limit = { rate: '300/15m' };
/** How often a client may ask for unknown routes, where the gateway has no limit: only a search for holes needs more. */
const UNKNOWN_ROUTES: Limit = { rate: '1000/15m' };

/**
 * Compiles a gateway into one function from request to response. What the head says decides first: route, authentication, authorisation,
 * limits, idempotency key. Then the request is admitted, and only then its body is awaited and the route is run.
 */
export function createGateway(
  environment: GatewayEnvironment,
  definition: GatewayDefinition,
): { handler: GatewayHandler; problems: string[] } {
  const { platform, transport, log } = environment;
  const { router, routes, site, problems } = compileRoutes(platform, transport, definition, environment.watch);
  const prepare = async () => site?.prepare();
  if (problems.length > 0) return { handler: { handle: () => Promise.reject(new RametError('BootFailed')), prepare, routes }, problems };
  const authenticator = environment.authenticator ?? authenticatorOf(environment, definition);
  const addressOf = clientAddressReader(definition.trustedProxies);
  const limits = createLimits(environment, definition.name);
  const times = new RouteTimes(platform);
  const streams = new OpenStreams(definition.caps.streamsPerClient);

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

  /** Counts a request against limits, those of the first words of the input after its body has been read. */
  const count = async (limit: Limit, kind: LimitKind, key: string, headers: Record<string, string>): Promise<void> => {
    const counted = limits.take(limit, kind, key, headers);
    if (counted) await counted;
  };

  /** What there is for a request: a route, or an answer that needs none. */
  const find = async (request: CanonicalRequest, client: string, trace: Trace, headers: Record<string, string>) => {
    const matched = router.match(request.method, request.segments) ?? site?.match(request);
    if (matched && 'body' in matched) return { ...matched, route: SITE_PATTERN, correlationId: trace.correlationId };
    if (matched && 'route' in matched) return matched;
    const general = definition.limit && !isByField(definition.limit) ? definition.limit : undefined;
    await count(general ?? UNKNOWN_ROUTES, general ? 'client' : 'unknown', client, headers);
    if (!matched) throw new RametError('NotFound');
    const { allowed } = matched;
    return refusal(new RametError('MethodNotAllowed', `The methods here are ${allowed.join(', ')}`), trace, '(none)', headers, { allowed });
  };

  return {
    problems,
    handler: {
      routes,
      prepare,
      async handle(request) {
        const trace = newTrace(platform, {
          correlationId: request.headers.get('x-correlation-id'),
          traceparent: request.headers.get('traceparent'),
        });
        let pattern = '(none)';
        let scope: string | undefined;
        const rateHeaders: Record<string, string> = {};
        try {
          const client = limitKey(addressOf({ socketAddress: request.socketAddress, forwardedFor: forwarded(request) }));
          const found = await find(request, client, trace, rateHeaders);
          if ('status' in found) return found;
          const { route, params } = found;
          pattern = route.pattern;
          const caller = await authenticate(route, request, client);
          if ('scope' in route.access) scope = route.access.scope;
          if ('scope' in route.access && !caller.scopes.includes(route.access.scope))
            throw new RametError('Forbidden', `The token lacks the scope '${route.access.scope}'`);
          const principal = caller.kind === 'user' ? principalOf(caller) : client;
          const declared = limitsOf(definition, route);
          for (const one of declared.filter((each) => !isByField(each))) {
            const own = one === route.limit;
            await count(one, own ? 'route' : 'client', own ? `${principal} ${pattern}` : principal, rateHeaders);
          }
          const key = keyOf(route, request);
          // All that the head decides has been decided. What follows costs memory and time.
          const input = inputOf(route, request, params, await request.body());
          for (const one of declared.filter(isByField))
            await count(one, 'field', `${principal} ${pattern} ${fieldOf(input, one.by as string)}`, rateHeaders);
          const admitted: Admitted = { route, request, caller, principal, trace, key, input, headers: rateHeaders };
          return await times.timed(admitted, () => outcomeOf(environment, streams, admitted));
        } catch (error) {
          if (!(error instanceof DeclaredError) && !(error instanceof RametError && error.code !== 'InvalidOutput'))
            log.event('route_failed', { err: error, route: pattern, correlationId: trace.correlationId });
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

/** A limit by a field comes on top of the gateway's: a client that changes the field with every request must not escape both. */
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

/** A refusal as problem+json. */
export function refusal(
  error: unknown,
  trace: Trace,
  route: string,
  headers: Readonly<Record<string, string>> = {},
  details: { allowed?: readonly string[]; scope?: string } = {},
): GatewayResponse {
  const { status, headers: own, body } = problemAnswer(error, trace, details);
  return { status, headers: { ...headers, ...own }, route, correlationId: trace.correlationId, body };
}
