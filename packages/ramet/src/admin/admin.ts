import { z } from 'zod';
import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { DEFAULT_POLICY, Edge, type TransportRoutes, unwrap } from '../rpc/index.ts';
import type { HostedService } from '../service/index.ts';
import type { Health } from '../telemetry/index.ts';
import { spread } from './operators.ts';
import { originOf, parserOf } from './request.ts';
import { type AdminRoute, serviceRoutes } from './service-routes.ts';

export interface Admin {
  readonly routes: readonly AdminRoute[];
}

export interface AdminEnvironment {
  readonly platform: Platform;
  readonly services: readonly HostedService[];
  /** How operators call services. */
  readonly transport: TransportRoutes;
  /** How a service calls others. */
  readonly transportOf: (service: string) => TransportRoutes;
  readonly health: Health;
  /** The services that other processes host, where this is the process that operators ask about all of them. */
  readonly elsewhere?: readonly string[];
}

const Call = z.object({
  service: z.string(),
  operation: z.string(),
  input: z.record(z.string(), z.unknown()).optional(),
  key: z.string().optional(),
});

/** What the console and the command line can ask of a process and do to it. */
export function createAdmin({ platform, services, transport, transportOf, health, elsewhere = [] }: AdminEnvironment): Admin {
  const call = parserOf<z.infer<typeof Call>>(Call);
  return {
    routes: [
      { method: 'GET', path: '/health', run: async () => (await health.health()).body },
      ...serviceRoutes(platform, services, transportOf).map((route) => spread(route, { platform, transport, elsewhere })),
      {
        method: 'POST',
        path: '/call',
        async run({ body }) {
          const { service, operation, input, key } = call(body);
          const here = services.find((candidate) => candidate.name === service);
          const known = here?.contract.operations.get(operation)?.operation;
          // What another process hosts is known there only; as a command it is repeated by nobody.
          const target =
            known ?? (!here && elsewhere.includes(service) ? ({ kind: 'command', service, name: operation } as const) : undefined);
          if (!target) throw new RametError('UnknownOperation', `This process has no '${service}.${operation}'`);
          const edge = new Edge(platform, transport, service, DEFAULT_POLICY);
          return {
            value: unwrap(await edge.call(target, input ?? {}, originOf(platform), key === undefined ? {} : { key })) ?? null,
          };
        },
      },
    ],
  };
}
