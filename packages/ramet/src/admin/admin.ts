import { z } from 'zod';
import { type DeadLetter, listDeadLetters, replayDeadLetter } from '../bus/index.ts';
import { compileSchema } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { DEFAULT_POLICY, Edge, type TransportRoutes, unwrap } from '../rpc/index.ts';
import { listSagas, type OperatorAction, operate, type SagaRecord, showSaga } from '../saga/index.ts';
import { serviceCaller } from '../security/index.ts';
import { type HostedService, listSchedules } from '../service/index.ts';
import { type Health, newTrace } from '../telemetry/index.ts';

export interface AdminRequest {
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string | undefined>>;
  readonly body: unknown;
}

export interface AdminRoute {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  run(request: AdminRequest): Promise<unknown>;
}

export interface Admin {
  readonly routes: readonly AdminRoute[];
}

export interface AdminEnvironment {
  readonly platform: Platform;
  readonly services: readonly HostedService[];
  readonly transport: TransportRoutes;
  readonly health: Health;
  /** The services that other processes host: what operators call is passed on to them. */
  readonly elsewhere?: readonly string[];
}

const Action = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('retry') }),
  z.object({ kind: z.literal('resolve'), step: z.string(), effect: z.enum(['applied', 'absent']), reason: z.string().min(1) }),
  z.object({ kind: z.literal('skip'), step: z.string(), reason: z.string().min(1) }),
  z.object({ kind: z.literal('compensate'), reason: z.string().min(1) }),
  z.object({ kind: z.literal('cancel'), reason: z.string().min(1) }),
]);
const Call = z.object({
  service: z.string(),
  operation: z.string(),
  input: z.record(z.string(), z.unknown()).optional(),
  key: z.string().optional(),
});

/** What the console and the command line can ask of a process and do to it. */
export function createAdmin({ platform, services, transport, health, elsewhere = [] }: AdminEnvironment): Admin {
  const action = compileSchema(Action).codec;
  const call = compileSchema(Call).codec;
  const parsed = <T>(codec: typeof action, body: unknown): T => {
    const decoded = codec.decode(body);
    if (!decoded.ok) throw new RametError('BadRequest', 'The request does not fit', { issues: decoded.issues });
    return decoded.value as T;
  };
  /** The service whose store has the saga: ids are unique, so asking each is enough. */
  const homeOf = async (id: string): Promise<HostedService> => {
    for (const service of services) if (await service.store.reader.get('select 1 from ramet_sagas where id = ?', id)) return service;
    throw new RametError('UnknownSaga', `There is no saga '${id}' in this process`);
  };
  const operator = 'operator';

  return {
    routes: [
      { method: 'GET', path: '/health', run: async () => (await health.health()).body },
      {
        method: 'GET',
        path: '/services',
        run: async () => ({
          items: services.map((service) => ({
            name: service.name,
            uses: service.uses.edges,
            sagas: service.definition.sagas.map((saga) => saga.name),
            reactsTo: [...new Set(service.consumers.flatMap(({ topics }) => [...topics]))],
          })),
        }),
      },
      {
        method: 'GET',
        path: '/sagas',
        async run({ query }) {
          const limit = query['limit'] === undefined ? 50 : Number(query['limit']);
          if (!Number.isInteger(limit) || limit < 1)
            throw new RametError('BadRequest', 'limit is not a whole number from 1', {
              issues: [{ path: 'limit', message: 'expected a whole number from 1' }],
            });
          const filter = {
            limit,
            attention: query['attention'] === 'true',
            ...(query['state'] === undefined ? {} : { state: query['state'] as never }),
          };
          const lists = await Promise.all(services.map((service) => listSagas(service.store, service.masker, filter)));
          const items: SagaRecord[] = lists.flat().sort((a, b) => (a.startedAt < b.startedAt ? 1 : -1));
          return { items: items.slice(0, limit) };
        },
      },
      {
        method: 'GET',
        path: '/sagas/:id',
        async run({ params }) {
          const { store, masker } = await homeOf(params['id'] as string);
          return showSaga(store, masker, params['id'] as string);
        },
      },
      {
        method: 'POST',
        path: '/sagas/:id/actions',
        async run({ params, body }) {
          const id = params['id'] as string;
          const home = await homeOf(id);
          const resolver: Parameters<typeof operate>[1] = (saga, undo, step) =>
            new Edge(platform, transport, undo.service, DEFAULT_POLICY).call(
              { kind: 'command', service: undo.service, name: undo.operation },
              undo.input,
              originOf(platform, home.name, saga.initiator),
              { step },
            );
          await operate(home.store, resolver, id, operator, parsed<OperatorAction>(action, body));
          home.engine?.poke();
          return showSaga(home.store, home.masker, id);
        },
      },
      {
        method: 'GET',
        path: '/subscriptions',
        run: async () => ({
          items: await Promise.all(
            services.flatMap(({ consumers }) =>
              consumers.map(async ({ group, poison, topics, sink }) => ({
                subscription: group,
                poison,
                topics: [...topics],
                standsAt: await sink.standstills(),
              })),
            ),
          ),
        }),
      },
      {
        method: 'GET',
        path: '/schedules',
        run: async () => ({ items: (await Promise.all(services.map(({ store }) => listSchedules(store)))).flat() }),
      },
      {
        method: 'GET',
        path: '/dead-letters',
        async run() {
          const lists = await Promise.all(services.map((service) => listDeadLetters(service.store)));
          return { items: lists.flat().sort((a: DeadLetter, b: DeadLetter) => (a.lastFailedAt < b.lastFailedAt ? 1 : -1)) };
        },
      },
      ...(['replay', 'discard'] as const).map(
        (how): AdminRoute => ({
          method: 'POST',
          path: `/dead-letters/:id/${how}`,
          async run({ params }) {
            for (const service of services) {
              if (!(await service.store.reader.get('select 1 from ramet_dead_letters where id = ?', params['id'] as string))) continue;
              const letter = await replayDeadLetter(service.store, params['id'] as string, how);
              for (const { sink } of service.consumers) sink.retries.wake();
              return letter;
            }
            throw new RametError('NotFound', `There is no dead letter '${params['id']}' in this process`);
          },
        }),
      ),
      {
        method: 'POST',
        path: '/call',
        async run({ body }) {
          const { service, operation, input, key } = parsed<z.infer<typeof Call>>(call, body);
          const here = services.find((candidate) => candidate.name === service);
          const known = here?.contract.operations.get(operation)?.operation;
          // What another process hosts is known there only; as a command it is repeated by nobody.
          const target =
            known ?? (!here && elsewhere.includes(service) ? ({ kind: 'command', service, name: operation } as const) : undefined);
          if (!target) throw new RametError('UnknownOperation', `This process has no '${service}.${operation}'`);
          const edge = new Edge(platform, transport, service, DEFAULT_POLICY);
          return {
            value: unwrap(await edge.call(target, input ?? {}, originOf(platform, operator), key === undefined ? {} : { key })) ?? null,
          };
        },
      },
    ],
  };
}

const originOf = (platform: Platform, service: string, initiator?: string) => ({
  meta: { caller: serviceCaller(service, initiator), trace: newTrace(platform, {}), depth: 0 },
  remainingMs: () => 30_000,
  signal: undefined,
});
