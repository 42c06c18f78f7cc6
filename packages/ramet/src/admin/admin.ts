import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { DEFAULT_POLICY, Edge, Outbound, type TransportRoutes, unwrap } from '../rpc/index.ts';
import type { HostedService } from '../service/index.ts';
import type { Health } from '../telemetry/index.ts';
import { ADMIN_ROUTES } from './contract/index.ts';
import { eventRoutes } from './event-routes.ts';
import { type Absent, spread } from './fan-out.ts';
import { adminDocument } from './openapi.ts';
import { originOf } from './origin.ts';
import { sagaRoutes } from './saga-routes.ts';
import { type AdminRoute, type ServiceRoute, serve } from './serve.ts';
import { workRoutes } from './work-routes.ts';

/** The admin interface of a process. */
export interface Admin {
  readonly routes: readonly AdminRoute[];
}

/** What the admin interface needs from its process. */
export interface AdminEnvironment {
  readonly platform: Platform;
  readonly services: readonly HostedService[];
  /** How operators call services. */
  readonly transport: TransportRoutes;
  /** How a service calls others. */
  readonly transportOf: (service: string) => TransportRoutes;
  readonly health: Health;
  /** The services that other processes host, where operators ask this process about all of them. */
  readonly elsewhere?: readonly string[];
  /** The services of this process that are stopped now. */
  readonly absent?: () => readonly Absent[];
}

/** Makes everything that the console and the command line can ask of a process and do to it. */
export function createAdmin(environment: AdminEnvironment): Admin {
  const { platform, services, transport, transportOf, health, elsewhere = [], absent = () => [] } = environment;
  const others = { platform, transport, elsewhere, absent };
  const isAway = (service: string) => elsewhere.includes(service) || absent().some((one) => one.service === service);
  return {
    routes: [
      { method: 'GET', path: '/openapi.json', run: async () => adminDocument() },
      serve(ADMIN_ROUTES.health, async () => (await health.health()).body),
      ...serviceRoutes(platform, services, transportOf).map((route) => spread(route, others)),
      serve(ADMIN_ROUTES.call, async ({ body: { service, operation, input, key } }) => {
        const here = services.find((candidate) => candidate.name === service);
        const known = here?.contract.operations.get(operation)?.operation;
        // Only a service that runs in this process shows its operations. A call of an unknown kind counts as a command, which is never repeated.
        const target = known ?? (!here && isAway(service) ? ({ kind: 'command', service, name: operation } as const) : undefined);
        if (!target) throw new RametError('UnknownOperation', `This process has no '${service}.${operation}'`);
        const edge = new Edge(new Outbound(platform, 'runtime'), transport, service, DEFAULT_POLICY);
        return {
          value: unwrap(await edge.call(target, input ?? {}, originOf(platform), key === undefined ? {} : { key })) ?? null,
        };
      }),
    ],
  };
}

/** Makes everything that can be asked of services and done to them. @param transportOf how a service calls others */
export const serviceRoutes = (
  platform: Platform,
  services: readonly HostedService[],
  transportOf: (service: string) => TransportRoutes,
): readonly ServiceRoute[] => [...workRoutes(services), ...sagaRoutes(platform, services, transportOf), ...eventRoutes(services)];
