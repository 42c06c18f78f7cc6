import { type Codec, type CompiledOperation, compileContract, compileSchema, NOTHING } from '../contract/index.ts';
import { PROBE_PATHS } from '../http/index.ts';
import { type Platform, Settings, shown } from '../platform/index.ts';
import { type ClientFactory, compileUses, DEFAULT_POLICY, Edge, Outbound, type TransportRoutes } from '../rpc/index.ts';
import type { Instrument } from '../telemetry/index.ts';
import type { Access, Composed, Exposed, GatewayDefinition, Limit } from './gateway.ts';
import { parseRate } from './limits/rate-limit.ts';
import { compileQuery, type QueryCoercer } from './request/query-string.ts';
import { createRouter, type Router } from './router.ts';
import { type CompiledSite, compileSite } from './site.ts';
import { jwtProblems } from './tokens/jwt.ts';

interface RouteBase {
  readonly method: string;
  /** `/api/orders/{orderId}`: the label in metrics, and the bucket of limits. */
  readonly pattern: string;
  readonly access: Access;
  readonly limit: Limit | false | undefined;
  readonly input: Codec;
  readonly coerce: QueryCoercer;
  readonly keyRequired: boolean;
  readonly status: number;
}
/** A route to an operation of a contract. */
export interface OperationRoute extends RouteBase {
  readonly kind: 'operation' | 'stream';
  readonly compiled: CompiledOperation;
  readonly edge: Edge;
}
/** A route that the gateway composes. */
export interface ComposedRoute extends RouteBase {
  readonly kind: 'compose';
  readonly composed: Composed;
  readonly output: Codec | undefined;
  readonly clients: ClientFactory;
  readonly errors: CompiledOperation['errors'];
}
/** A compiled route. */
export type GatewayRoute = OperationRoute | ComposedRoute;

/** The path of the OpenAPI document of a gateway. */
export const DOCUMENT_PATH = '/openapi.json';
/** The paths that a gateway answers without a route. */
export const OWN_PATHS: readonly string[] = [...PROBE_PATHS, DOCUMENT_PATH];

/** Compiles the routes of a gateway. @returns the router, its routes in order, and everything that is wrong with them */
export function compileRoutes(
  platform: Platform,
  transport: TransportRoutes,
  definition: GatewayDefinition,
  instrument?: Instrument,
): { router: Router<GatewayRoute>; routes: GatewayRoute[]; site: CompiledSite | undefined; problems: string[] } {
  const problems: string[] = [];
  const router = createRouter<GatewayRoute>();
  const routes: GatewayRoute[] = [];
  const where = `gateway '${definition.name}'`;
  const outbound = new Outbound(platform, definition.name, instrument);
  const edges = new Map<string, Edge>();
  const add = (route: GatewayRoute) => {
    try {
      if (OWN_PATHS.includes(route.pattern)) throw new RangeError(`the gateway answers '${route.pattern}' itself; choose another path`);
      router.add(route.method, route.pattern, route);
      routes.push(route);
    } catch (error) {
      problems.push(`${where}: ${(error as Error).message}`);
    }
  };
  const sites = definition.routes.filter((declared) => declared.kind === 'site');
  const { site, problems: ofSite } = compileSite(platform, where, sites);
  problems.push(...ofSite);
  for (const declared of definition.routes) {
    if (declared.kind === 'site') continue;
    const compiled =
      declared.kind === 'expose' ? exposed(transport, declared, outbound, edges) : composed(transport, where, declared, outbound);
    problems.push(...compiled.problems.map((problem) => `${where}: ${problem}`));
    compiled.routes.forEach(add);
  }
  if (definition.limit) problems.push(...limitProblems(definition.limit, routes).map((problem) => `${where}, limit: ${problem}`));
  for (const route of routes) {
    const { method, pattern, limit } = route;
    if (limit)
      problems.push(...limitProblems(limit, [route]).map((problem) => `${where}, route '${method} ${pattern}', limit: ${problem}`));
  }
  for (const [name, cap] of Object.entries(definition.caps))
    if (!Number.isInteger(cap) || cap < 1) problems.push(`${where}: caps.${name} is ${cap}; write a whole number from 1`);
  const needsToken = routes.filter((route) => !('access' in route.access && route.access.access === 'public'));
  if (definition.authenticate) problems.push(...jwtProblems(definition.authenticate).map((problem) => `${where}: ${problem}`));
  if (needsToken.length > 0 && !definition.authenticate) {
    problems.push(`${where}: ${needsToken.length} routes need a token, but 'authenticate' is not set; add authenticate: jwt options`);
  }
  return { router, routes, site, problems };
}

/** Checks a limit. @param routes the routes that it is for; a field that it counts by must be an input of at least one of them */
function limitProblems({ rate, by = 'client', storeFailure }: Limit, routes: readonly GatewayRoute[]): string[] {
  const settings = new Settings();
  try {
    parseRate(rate);
  } catch (error) {
    settings.report((error as Error).message);
  }
  settings.word('storeFailure', storeFailure, ['failOpen', 'failClosed']);
  if (by === 'client') return settings.problems;
  const field = /^input\.(.+)$/.exec(by)?.[1];
  const fields = routes.flatMap(({ input }) => Object.keys((input.jsonSchema['properties'] ?? {}) as object));
  if (field === undefined) settings.report(`by: ${shown(by)} is not valid; write 'client', or a field of the input as 'input.email'`);
  else if (!fields.includes(field))
    settings.report(
      `by: the input does not have the field '${field}'; its fields are ${fields.map((name) => `'${name}'`).join(', ') || 'none'}`,
    );
  return settings.problems;
}

function isAccess(access: unknown): access is Access {
  if (typeof access !== 'object' || access === null) return false;
  if ('scope' in access) return typeof access.scope === 'string' && access.scope !== '';
  return 'access' in access && (access.access === 'public' || access.access === 'authenticated');
}

const NO_ACCESS = "does not declare its access; write { access: 'public' }, { access: 'authenticated' } or { scope: '…' }";

function exposed(
  transport: TransportRoutes,
  declared: Exposed,
  outbound: Outbound,
  edges: Map<string, Edge>,
): { routes: GatewayRoute[]; problems: string[] } {
  const problems: string[] = [];
  const routes: GatewayRoute[] = [];
  const { compiled: contract, problems: wrong } = compileContract(declared.contract);
  problems.push(...wrong);
  const service = contract.contract.name;
  const edge = edges.get(service) ?? new Edge(outbound, transport, service, { ...DEFAULT_POLICY, timeoutMs: 30_000, bulkhead: 10_000 });
  edges.set(service, edge);
  for (const [name, options] of Object.entries(declared.operations)) {
    const compiled = contract.operations.get(name);
    if (!compiled) problems.push(`exposes '${service}.${name}', which is not in the contract; expose an operation of the contract`);
    else if (!compiled.http) problems.push(`exposes '${service}.${name}', which has no route in its contract; give it one with 'http'`);
    else if (!isAccess(options)) problems.push(`route '${compiled.http.method} ${declared.prefix}${compiled.http.path}' ${NO_ACCESS}`);
    else {
      routes.push({
        kind: compiled.operation.kind === 'stream' ? 'stream' : 'operation',
        method: compiled.http.method,
        pattern: declared.prefix + compiled.http.path,
        access: options,
        limit: options.limit,
        input: compiled.input,
        coerce: compileQuery(compiled.input.jsonSchema),
        keyRequired: compiled.operation.key === 'required',
        status: compiled.http.status,
        compiled,
        edge,
      });
    }
  }
  return { routes, problems };
}

function composed(
  transport: TransportRoutes,
  where: string,
  declared: Composed,
  outbound: Outbound,
): { routes: GatewayRoute[]; problems: string[] } {
  const problems: string[] = [];
  const { uses, problems: wrong } = compileUses(outbound.platform, transport, where, declared.uses, outbound);
  problems.push(...wrong);
  const compile = (schema: Composed['input'], what: string): Codec | undefined => {
    if (!schema) return undefined;
    const { codec, problems: faulty } = compileSchema(schema);
    problems.push(...faulty.map((problem) => `route '${declared.route}', ${what}: ${problem}`));
    return codec;
  };
  const [method = '', pattern = '', ...rest] = declared.route.split(' ');
  if (!pattern.startsWith('/') || rest.length > 0)
    problems.push(`route '${declared.route}' is not a route; write a method and a path, as 'GET /home'`);
  if (!isAccess(declared.access)) problems.push(`route '${declared.route}' ${NO_ACCESS}`);
  const settings = new Settings(`route '${declared.route}', `);
  settings.count('status', declared.status, 200, 200, 299);
  for (const [name, { status }] of Object.entries(declared.errors)) settings.count(`failure '${name}', status`, status, 400, 400, 499);
  problems.push(...settings.problems);
  const input = compile(declared.input, 'input') ?? NOTHING;
  const output = compile(declared.output, 'output');
  const errors = new Map(
    Object.entries(declared.errors).map(([name, failure]) => [
      name,
      { status: failure.status, data: compile(failure.data, `failure '${name}'`) ?? NOTHING },
    ]),
  );
  return {
    routes: [
      {
        kind: 'compose',
        method,
        pattern,
        access: declared.access,
        limit: declared.limit,
        input,
        coerce: compileQuery(input.jsonSchema),
        keyRequired: declared.key === 'required',
        status: declared.status ?? 200,
        composed: declared,
        output,
        clients: uses.all,
        errors,
      },
    ],
    problems,
  };
}
