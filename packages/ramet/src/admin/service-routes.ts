import { z } from 'zod';
import { type DeadLetter, listDeadLetters, replayDeadLetter } from '../bus/index.ts';
import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import { DEFAULT_POLICY, Edge, type TransportRoutes } from '../rpc/index.ts';
import { listSagas, type OperatorAction, operate, type SagaRecord, showSaga } from '../saga/index.ts';
import { type HostedService, listSchedules, retrySchedule } from '../service/index.ts';
import { listGivenUp, retryGivenUp } from '../store/index.ts';
import { OPERATOR, originOf, parserOf } from './request.ts';

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

/** A route about services, which other processes may host too. */
export interface ServiceRoute extends AdminRoute {
  /** The order of the items of a list; absent where the route is about one thing, which one service has. */
  readonly order?: (a: never, b: never) => number;
  /** How many items a list has at most where nobody says so. */
  readonly limit?: number;
}

const SAGAS = 50;

const Action = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('retry') }),
  z.object({ kind: z.literal('resolve'), step: z.string(), effect: z.enum(['applied', 'absent']), reason: z.string().min(1) }),
  z.object({ kind: z.literal('skip'), step: z.string(), reason: z.string().min(1) }),
  z.object({ kind: z.literal('compensate'), reason: z.string().min(1) }),
  z.object({ kind: z.literal('cancel'), reason: z.string().min(1) }),
]);

const asTheyStand = () => 0;
const newestSaga = (a: SagaRecord, b: SagaRecord) => (a.startedAt < b.startedAt ? 1 : -1);
const newestLetter = (a: DeadLetter, b: DeadLetter) => (a.lastFailedAt < b.lastFailedAt ? 1 : -1);

const newestGivenUp = (a: GivenUp, b: GivenUp) => (a.givenUpAt < b.givenUpAt ? 1 : -1);

/** Work that ended the process at each of its starts, and waits for an operator. */
interface GivenUp {
  readonly service: string;
  readonly id: string;
  readonly kind: string;
  readonly what: string;
  readonly error: string;
  readonly givenUpAt: string;
}

const scheduleId = (service: string, name: string): string => `schedule:${service}:${name}`;

async function givenUpOf({ name: service, store }: HostedService): Promise<GivenUp[]> {
  const work = (await listGivenUp(store)).map(({ lane, attempts: _, ...item }) => ({ ...item, what: lane }));
  const schedules = (await listSchedules(store)).flatMap(({ name, lastError: error = '', givenUpAt }) =>
    givenUpAt === undefined ? [] : [{ service, id: scheduleId(service, name), kind: 'schedule', what: name, error, givenUpAt }],
  );
  return [...work, ...schedules];
}

function retry({ name: service, store }: HostedService, id: string): Promise<boolean> {
  const prefix = scheduleId(service, '');
  return id.startsWith(prefix) ? retrySchedule(store, id.slice(prefix.length)) : retryGivenUp(store, id);
}

/** What can be asked of services, and done to them. @param transportOf how a service calls others */
export function serviceRoutes(
  platform: Platform,
  services: readonly HostedService[],
  transportOf: (service: string) => TransportRoutes,
): readonly ServiceRoute[] {
  const action = parserOf<OperatorAction>(Action);
  /** The service whose store has the saga: ids are unique, so asking each is enough. */
  const homeOf = async (id: string): Promise<HostedService> => {
    for (const service of services) if (await service.store.reader.get('select 1 from ramet_sagas where id = ?', id)) return service;
    throw new RametError('UnknownSaga', `There is no saga '${id}' in this process`);
  };
  return [
    {
      method: 'GET',
      path: '/services',
      order: asTheyStand,
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
      order: newestSaga,
      limit: SAGAS,
      async run({ query }) {
        const limit = Number(query['limit'] ?? SAGAS);
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
        const items: SagaRecord[] = lists.flat().sort(newestSaga);
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
          new Edge(platform, transportOf(home.name), undo.service, DEFAULT_POLICY).call(
            { kind: 'command', service: undo.service, name: undo.operation },
            undo.input,
            originOf(platform, { service: home.name, initiation: saga }),
            { step },
          );
        await operate(home.store, resolver, id, OPERATOR, action(body));
        home.engine?.poke();
        return showSaga(home.store, home.masker, id);
      },
    },
    {
      method: 'GET',
      path: '/subscriptions',
      order: asTheyStand,
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
      order: asTheyStand,
      run: async () => ({ items: (await Promise.all(services.map(({ store }) => listSchedules(store)))).flat() }),
    },
    {
      method: 'GET',
      path: '/dead-letters',
      order: newestLetter,
      async run() {
        const lists = await Promise.all(services.map((service) => listDeadLetters(service.store)));
        return { items: lists.flat().sort(newestLetter) };
      },
    },
    {
      method: 'GET',
      path: '/given-up',
      order: newestGivenUp,
      run: async () => ({ items: (await Promise.all(services.map(givenUpOf))).flat().sort(newestGivenUp) }),
    },
    {
      method: 'POST',
      path: '/given-up/:id/retry',
      async run({ params }) {
        const id = params['id'] as string;
        for (const service of services) {
          if (!(await retry(service, id))) continue;
          service.wake();
          return { service: service.name, id };
        }
        throw new RametError('NotFound', `There is nothing with the id '${id}' in this process that was given up`);
      },
    },
    ...(['replay', 'discard'] as const).map(
      (how): ServiceRoute => ({
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
  ];
}
