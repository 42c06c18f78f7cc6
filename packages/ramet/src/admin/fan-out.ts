import { DeclaredError, RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { DEFAULT_POLICY, type Dispatcher, declared, Edge, fault, Outbound, type TransportRoutes, unwrap } from '../rpc/index.ts';
import type { EventLog } from '../telemetry/index.ts';
import type { ListShape, RouteShape } from './contract/index.ts';
import { originOf } from './origin.ts';
import { merged, type PageAnswer, pageOf } from './pages.ts';
import type { AdminRequest, AdminRoute, ServiceRoute } from './serve.ts';

/** How long one service may take to answer before operators get the answers of the others without it. */
const ANSWER_MS = 5_000;
const PREFIX = 'operators/';

/**
 * The name under which the process that operators ask reaches the routes of a service. The graph allows that process alone to
 * call it, and no caller can claim to be that process.
 */
export const operatorsOf = (service: string): string => PREFIX + service;

/** The service behind such a name; any other name unchanged. */
export const hostOf = (name: string): string => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name);

/** A service that does not answer, and the reason. */
export interface Absent {
  readonly service: string;
  readonly why: string;
}

/** The services that do not answer here: those of other processes, with the way to them, and those that are stopped. */
interface Elsewhere {
  readonly platform: Platform;
  readonly transport: TransportRoutes;
  readonly elsewhere: readonly string[];
  /** The services of this process that are stopped now. */
  readonly absent: () => readonly Absent[];
}

/** Answers, for one service, what the process that operators ask passes on. */
export function operatorsDispatcher(routes: readonly ServiceRoute[], log: EventLog): Dispatcher {
  const byName = new Map(routes.map((route) => [nameOf(route), route]));
  return {
    async call(operation, input) {
      try {
        const route = byName.get(operation);
        if (!route) throw new RametError('UnknownOperation', `operators have no route '${operation}'`);
        return { ok: true, value: JSON.parse(JSON.stringify(await route.run(input as AdminRequest))) };
      } catch (error) {
        if (error instanceof DeclaredError) return declared(error);
        if (error instanceof RametError) return fault(error);
        log.event('admin_failed', { err: error, operation });
        return fault(new RametError('Internal', `${operation} failed`));
      }
    },
    // biome-ignore lint/correctness/useYield: there are none
    async *stream(operation) {
      throw new RametError('UnknownOperation', `operators have no stream '${operation}'`);
    },
  };
}

/**
 * Spreads a route over the services of all processes: a list holds the items of all, and a single thing is looked for in each. An answer
 * that may lack something says which services were not asked, because they are stopped, or gave no answer.
 */
export function spread(route: ServiceRoute, others: Elsewhere): AdminRoute {
  const { method, path, shape } = route;
  return {
    method,
    path,
    run: (request) => (isList(shape) ? listed(route, shape, others, request) : found(route, others, request)),
  };
}

const isList = (shape: RouteShape): shape is ListShape => 'order' in shape;

/** Each process answers with its first items after the cursor; the first of all of these are the page. */
async function listed(route: ServiceRoute, shape: ListShape, others: Elsewhere, request: AdminRequest): Promise<unknown> {
  // This process refuses a request that is wrong, before it asks others.
  const own = (await route.run(request)) as PageAnswer<unknown>;
  const pages = [own];
  const unanswered: Absent[] = [...others.absent()];
  await Promise.all(
    others.elsewhere.map(async (service) => {
      try {
        pages.push((await ask(route, others, service, request)) as PageAnswer<unknown>);
      } catch (error) {
        unanswered.push({ service, why: (error as Error).message });
      }
    }),
  );
  const items = pages.flatMap((page) => page.items);
  const more = pages.some(({ next }) => next !== undefined);
  return {
    ...merged(shape.order, items, pageOf(shape, request), more),
    ...(unanswered.length === 0 ? {} : { unanswered: unanswered.sort((a, b) => (a.service < b.service ? -1 : 1)) }),
  };
}

async function found(route: ServiceRoute, others: Elsewhere, request: AdminRequest): Promise<unknown> {
  let missing: RametError | undefined;
  const unanswered = others.absent().map(({ service, why }) => `'${service}' (${why})`);
  for (const service of [undefined, ...others.elsewhere]) {
    try {
      return await (service === undefined ? route.run(request) : ask(route, others, service, request));
    } catch (error) {
      const known = error instanceof RametError ? error : undefined;
      if (known?.status === 404) missing ??= known;
      // A service that cannot be asked may have it.
      else if (service !== undefined && (known === undefined || known.status >= 500 || known.code === 'Forbidden'))
        unanswered.push(`'${service}' (${(error as Error).message})`);
      else throw error;
    }
  }
  const thing = `${route.shape.about} '${request.params['id']}'`;
  if (others.elsewhere.length === 0 && unanswered.length === 0 && missing) throw missing;
  if (unanswered.length === 0) throw new RametError(missing?.code ?? 'NotFound', `No process has the ${thing}`);
  throw new RametError('Unavailable', `No process that answered has the ${thing}; no answer came from ${unanswered.join(', ')}`);
}

async function ask(route: ServiceRoute, { platform, transport }: Elsewhere, service: string, request: AdminRequest): Promise<unknown> {
  const name = operatorsOf(service);
  const target = { kind: route.method === 'GET' ? ('query' as const) : ('command' as const), service: name, name: nameOf(route) };
  return unwrap(
    await new Edge(new Outbound(platform, 'runtime'), transport, name, DEFAULT_POLICY).call(
      target,
      request,
      originOf(platform, { withinMs: ANSWER_MS }),
    ),
  );
}

const nameOf = ({ method, path }: AdminRoute): string => `${method} ${path}`;
