import type { z } from 'zod';
import { type ErrorCode, type Issue, RametError } from '../errors/index.ts';
import type { HostedService } from '../service/index.ts';
import type { RouteShape } from './contract/index.ts';
import type { Frozen } from './contract/route.ts';

/** A request as it arrives: by HTTP, or from the process that operators ask. */
export interface AdminRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

/** A route with what it does. */
export interface AdminRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  /** @throws RametError BadRequest with everything about the request that the route does not accept */
  run(request: AdminRequest): Promise<unknown>;
}

/** A route about services, which other processes may host too. */
export interface ServiceRoute extends AdminRoute {
  readonly shape: RouteShape;
}

/** A request that the route accepts. */
export interface AcceptedRequest<Shape extends RouteShape> {
  readonly params: Readonly<Record<string, string>>;
  readonly query: { readonly [K in keyof Shape['filters']]?: Shape['filters'][K] extends z.ZodType<infer Text> ? Text : never };
  readonly body: Shape['body'] extends z.ZodType<infer Body> ? Frozen<Body> : undefined;
}

/** The answer of a route. */
export type AnswerOf<Shape extends RouteShape> = Frozen<z.infer<Shape['output']>>;

/** Joins a route with what it does, which sees only requests that fit the route. */
export function serve<Shape extends RouteShape>(
  shape: Shape,
  run: (request: AcceptedRequest<Shape>) => Promise<AnswerOf<Shape>>,
): AdminRoute {
  return { method: shape.method, path: shape.path, run: async (request) => run(accepted(shape, request)) };
}

/**
 * Joins a route about one thing with what it does to it. Ids are unique: each service is asked until one has the thing.
 * @param missing the fault where no service of this process has it
 * @param attempt answers undefined where the service does not have it
 */
export function serveThing<Shape extends RouteShape>(
  shape: Shape,
  missing: ErrorCode,
  services: readonly HostedService[],
  attempt: (service: HostedService, id: string, request: AcceptedRequest<Shape>) => Promise<AnswerOf<Shape> | undefined>,
): ServiceRoute {
  const route = serve(shape, async (request) => {
    const id = request.params['id'] as string;
    // Services stop and start meanwhile, and none of the others may be passed over for it.
    for (const service of [...services]) {
      const answer = await attempt(service, id, request);
      if (answer !== undefined) return answer;
    }
    throw new RametError(missing, `This process has no ${shape.about} '${id}'`);
  });
  return { ...route, shape };
}

/** Reads a request by its route. @throws RametError BadRequest */
export function accepted<Shape extends RouteShape>(shape: Shape, { params, query, body }: AdminRequest): AcceptedRequest<Shape> {
  const issues: Issue[] = [];
  const names = Object.keys(shape.filters);
  const allowed = names.length === 0 ? 'this route takes no parameters' : `the parameters here are ${names.join(', ')}`;
  for (const [name, value] of Object.entries(query)) {
    const filter = Object.hasOwn(shape.filters, name) ? shape.filters[name] : undefined;
    if (filter) issues.push(...issuesOf(filter.safeParse(value), name));
    else issues.push({ path: name, message: `is not a parameter; ${allowed}` });
  }
  const parsed = shape.body?.safeParse(body);
  if (parsed) issues.push(...issuesOf(parsed));
  else for (const field of Object.keys(body ?? {})) issues.push({ path: field, message: 'is not a field; this route takes no body' });
  if (issues.length > 0) throw new RametError('BadRequest', 'The request does not fit', { issues });
  return { params, query, body: parsed?.data } as AcceptedRequest<Shape>;
}

const issuesOf = ({ error }: z.ZodSafeParseResult<unknown>, ...prefix: string[]): Issue[] =>
  (error?.issues ?? []).flatMap((issue) => {
    const at = (...end: PropertyKey[]) => [...prefix, ...issue.path, ...end].join('.');
    if (issue.code !== 'unrecognized_keys') return [{ path: at(), message: issue.message }];
    return issue.keys.map((key) => ({ path: at(key), message: 'is not a field of this request' }));
  });
