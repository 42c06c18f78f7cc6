import { DeclaredError, RametError } from '../errors/index.ts';
import { principalOf } from '../security/index.ts';
import { newTrace, silentInstrument, type Trace, type Work } from '../telemetry/index.ts';
import type { GatewayEnvironment } from './environment.ts';
import type { GatewayDefinition } from './gateway.ts';
import { createLimits } from './limits/limits.ts';
import { OpenStreams } from './limits/open-streams.ts';
import { RouteLimits } from './limits/route-limits.ts';
import { RouteTimes } from './limits/route-times.ts';
import { type Admitted, outcomeOf } from './outcome.ts';
import type { CanonicalRequest } from './request/canonical-request.ts';
import { clientAddressReader, limitKey } from './request/client-address.ts';
import { inputOf, keyOf } from './request/input.ts';
import { type GatewayResponse, refusal } from './response.ts';
import type { Router, WrongMethod } from './router.ts';
import { compileRoutes, type GatewayRoute } from './routes.ts';
import { type CompiledSite, SITE_PATTERN } from './site.ts';
import { Authentication } from './tokens/authentication.ts';
import { type Authenticator, createAuthenticator } from './tokens/jwt.ts';
import { keySource } from './tokens/key-source.ts';

/** Answers the requests of a gateway. */
export interface GatewayHandler {
  /** Answers one request; what is wrong with it becomes a refusal. */
  handle(request: CanonicalRequest): Promise<GatewayResponse>;
  /** Prepares the parts of answers that can be made in advance. Requests that arrive before are answered too, at more cost. */
  prepare(): Promise<void>;
  readonly routes: readonly GatewayRoute[];
}

/** Compiles a gateway. @returns what answers its requests, and everything that is wrong with its definition */
export function createGateway(
  environment: GatewayEnvironment,
  definition: GatewayDefinition,
): { handler: GatewayHandler; problems: string[] } {
  const { platform, transport, instrument } = environment;
  const { router, routes, site, problems } = compileRoutes(platform, transport, definition, instrument);
  if (problems.length === 0) return { handler: new RequestHandler(environment, definition, { router, routes, site }), problems };
  const handle = () => Promise.reject(new RametError('BootFailed'));
  return { handler: { handle, prepare: async () => site?.prepare(), routes }, problems };
}

interface Compiled {
  readonly router: Router<GatewayRoute>;
  readonly routes: readonly GatewayRoute[];
  readonly site: CompiledSite | undefined;
}

/** What is known of a request so far: a refusal says as much. */
interface Progress {
  readonly trace: Trace;
  readonly headers: Record<string, string>;
  pattern: string;
  scope?: string;
}

/**
 * The one way from a request to its response. The head decides first: route, authentication, authorisation, limits, idempotency key.
 * Then the request is admitted; only then its body is awaited, and the route runs.
 */
class RequestHandler implements GatewayHandler {
  readonly routes: readonly GatewayRoute[];
  readonly #environment: GatewayEnvironment;
  readonly #work: Work;
  readonly #router: Router<GatewayRoute>;
  readonly #site: CompiledSite | undefined;
  readonly #addressOf: ReturnType<typeof clientAddressReader>;
  readonly #limits: RouteLimits;
  readonly #authentication: Authentication;
  readonly #times: RouteTimes;
  readonly #streams: OpenStreams;

  constructor(environment: GatewayEnvironment, definition: GatewayDefinition, { router, routes, site }: Compiled) {
    const { platform } = environment;
    const limits = createLimits(environment, definition.name);
    const authenticator = environment.authenticator ?? authenticatorOf(environment, definition);
    this.routes = routes;
    this.#environment = environment;
    this.#work = { kind: 'request', name: definition.name, labels: { gateway: definition.name } };
    this.#router = router;
    this.#site = site;
    this.#addressOf = clientAddressReader(definition.trustedProxies);
    this.#limits = new RouteLimits(limits, definition, routes);
    this.#authentication = new Authentication(platform.crypto, authenticator, limits);
    this.#times = new RouteTimes(platform);
    this.#streams = new OpenStreams(definition.caps.streamsPerClient);
  }

  async prepare(): Promise<void> {
    await this.#site?.prepare();
  }

  async handle(request: CanonicalRequest): Promise<GatewayResponse> {
    const { platform, log, instrument = silentInstrument } = this.#environment;
    const sent = newTrace(platform, {
      correlationId: request.headers.get('x-correlation-id'),
      traceparent: request.headers.get('traceparent'),
    });
    const span = instrument.begin(this.#work, sent);
    const trace = span.under(sent);
    const progress: Progress = { trace, headers: {}, pattern: '(none)' };
    try {
      const response = await this.#answer(request, progress);
      span.end(String(response.status), undefined, progress.pattern);
      return response;
    } catch (error) {
      const { pattern, scope, headers } = progress;
      if (!(error instanceof DeclaredError) && !(error instanceof RametError && error.code !== 'InvalidOutput'))
        log.event('route_failed', { err: error, route: pattern, correlationId: trace.correlationId });
      const response = refusal(error, trace, pattern, headers, scope === undefined ? {} : { scope });
      span.end(String(response.status), error, pattern);
      return response;
    }
  }

  async #answer(request: CanonicalRequest, progress: Progress): Promise<GatewayResponse> {
    const { trace, headers } = progress;
    const client = limitKey(this.#addressOf({ socketAddress: request.socketAddress, forwardedFor: forwarded(request) }));
    const found = this.#router.match(request.method, request.segments) ?? this.#site?.match(request);
    if (found && 'body' in found) return { ...found, route: SITE_PATTERN, correlationId: trace.correlationId };
    if (!found || !('route' in found)) return this.#withoutRoute(found, client, progress);
    const { route, params } = found;
    progress.pattern = route.pattern;
    if ('scope' in route.access) progress.scope = route.access.scope;
    const authenticated = this.#authentication.callerOf(route, request, client);
    const caller = authenticated instanceof Promise ? await authenticated : authenticated;
    const principal = caller.kind === 'user' ? principalOf(caller) : client;
    const counted = this.#limits.countHead(route, principal, headers);
    if (counted) await counted;
    const key = keyOf(route, request);
    this.#times.expectRoom(route);
    // The head has decided all that it can. What follows costs memory and time.
    const input = inputOf(route, request, params, await request.body());
    const countedInput = this.#limits.countInput(route, principal, input, headers);
    if (countedInput) await countedInput;
    const admitted: Admitted = { route, request, caller, principal, trace, key, input, headers };
    return this.#times.timed(admitted, () => outcomeOf(this.#environment, this.#streams, admitted));
  }

  /** Refuses a request that has no route, or not with its method. */
  async #withoutRoute(found: WrongMethod | undefined, client: string, { trace, headers, pattern }: Progress): Promise<GatewayResponse> {
    await this.#limits.countUnknown(client, headers);
    if (!found) throw new RametError('NotFound');
    const { allowed } = found;
    return refusal(new RametError('MethodNotAllowed', `The methods here are ${allowed.join(', ')}`), trace, pattern, headers, { allowed });
  }
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
