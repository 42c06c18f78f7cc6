import { DeclaredError, RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { DEFAULT_POLICY, type Dispatcher, declared, Edge, fault, type TransportRoutes, unwrap } from '../rpc/index.ts';
import type { EventLog } from '../telemetry/index.ts';
import { originOf } from './request.ts';
import type { AdminRequest, AdminRoute, ServiceRoute } from './service-routes.ts';

/** How long one service may take to answer before operators hear of the others without it. */
const ANSWER_MS = 5_000;
const PREFIX = 'operators/';

/**
 * The name under which the process that operators ask reaches the routes of a service: of all callers the graph lets in that
 * process alone, which no caller can say of itself.
 */
export const operatorsOf = (service: string): string => PREFIX + service;

/** The service that is to be found under such a name; any other name as it is. */
export const hostOf = (name: string): string => (name.startsWith(PREFIX) ? name.slice(PREFIX.length) : name);

interface Others {
  readonly platform: Platform;
  readonly transport: TransportRoutes;
  /** The services that other processes host. */
  readonly elsewhere: readonly string[];
}

/** A service that did not answer, and why. */
interface Unanswered {
  readonly service: string;
  readonly why: string;
}

/** Answers what the process that operators ask passes on about one service. */
export function operatorsDispatcher(routes: readonly ServiceRoute[], log: EventLog): Dispatcher {
  const byName = new Map(routes.map((route) => [nameOf(route), route]));
  return {
    async call(operation, input) {
      try {
        const route = byName.get(operation);
        if (!route) throw new RametError('UnknownOperation', `operators cannot ask for '${operation}'`);
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
      throw new RametError('UnknownOperation', `operators cannot follow '${operation}'`);
    },
  };
}

/** A route over the services of all processes: lists have the items of all, and what is about one thing is asked of who has it. */
export function spread(route: ServiceRoute, others: Others): AdminRoute {
  if (others.elsewhere.length === 0) return route;
  return {
    method: route.method,
    path: route.path,
    run: (request) => (route.order ? listed(route, others, request) : found(route, others, request)),
  };
}

async function listed(route: ServiceRoute, others: Others, request: AdminRequest): Promise<unknown> {
  const items: unknown[] = [];
  const unanswered: Unanswered[] = [];
  // What is wrong with the request is said once, and by this process.
  const own = (await route.run(request)) as { items: unknown[] };
  items.push(...own.items);
  await Promise.all(
    others.elsewhere.map(async (service) => {
      try {
        items.push(...((await ask(route, others, service, request)) as { items: unknown[] }).items);
      } catch (error) {
        unanswered.push({ service, why: (error as Error).message });
      }
    }),
  );
  items.sort(route.order as (a: unknown, b: unknown) => number);
  return {
    items: items.slice(0, Number(request.query['limit'] ?? route.limit ?? items.length)),
    ...(unanswered.length === 0 ? {} : { unanswered: unanswered.sort((a, b) => (a.service < b.service ? -1 : 1)) }),
  };
}

async function found(route: ServiceRoute, others: Others, request: AdminRequest): Promise<unknown> {
  let missing: unknown;
  const unanswered: string[] = [];
  for (const service of [undefined, ...others.elsewhere]) {
    try {
      return await (service === undefined ? route.run(request) : ask(route, others, service, request));
    } catch (error) {
      const known = error instanceof RametError ? error : undefined;
      if (known?.status === 404) missing ??= error;
      // Whoever cannot say whether it has it may have it.
      else if (service !== undefined && (known === undefined || known.status >= 500 || known.code === 'Forbidden'))
        unanswered.push(`'${service}' (${(error as Error).message})`);
      else throw error;
    }
  }
  if (unanswered.length === 0) throw missing;
  throw new RametError('Unavailable', `Nobody who answered has it, and there was no answer from ${unanswered.join(', ')}`);
}

async function ask(route: ServiceRoute, { platform, transport }: Others, service: string, request: AdminRequest): Promise<unknown> {
  const name = operatorsOf(service);
  const target = { kind: route.method === 'GET' ? ('query' as const) : ('command' as const), service: name, name: nameOf(route) };
  return unwrap(
    await new Edge(platform, transport, name, DEFAULT_POLICY).call(target, request, originOf(platform, { withinMs: ANSWER_MS })),
  );
}

const nameOf = ({ method, path }: AdminRoute): string => `${method} ${path}`;
