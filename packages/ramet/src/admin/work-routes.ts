import { edgesOf } from '../rpc/index.ts';
import { type HostedService, listSchedules, retrySchedule } from '../service/index.ts';
import { listGivenUp, retryGivenUp } from '../store/index.ts';
import { ADMIN_ROUTES, type AdminItem } from './contract/index.ts';
import { newestOf, type Page, serveList } from './pages.ts';
import { type ServiceRoute, serveThing } from './serve.ts';

/** Makes the routes about services, and about the work that they do at their own time. */
export const workRoutes = (services: readonly HostedService[]): ServiceRoute[] => [
  serveList(ADMIN_ROUTES.services, services, async ({ name, definition, consumers }) => [
    {
      name,
      // Those of earlier versions too: their open sagas still call.
      uses: edgesOf(definition.uses, ...definition.sagas.flatMap((saga) => [saga.uses, ...saga.previous.map(({ uses }) => uses)])),
      sagas: definition.sagas.map((saga) => saga.name),
      reactsTo: [...new Set(consumers.flatMap(({ topics }) => [...topics]))],
    },
  ]),
  serveList(ADMIN_ROUTES.schedules, services, ({ store }) => listSchedules(store)),
  serveList(ADMIN_ROUTES.givenUp, services, givenUpOf),
  serveThing(ADMIN_ROUTES.retryGivenUp, 'NotFound', services, async (service, id) => {
    if (!(await retry(service, id))) return undefined;
    service.wake();
    return { service: service.name, id };
  }),
];

const scheduleId = (service: string, name: string): string => `schedule:${service}:${name}`;

/** Sent commands and schedules that ended the process at each of their starts. */
async function givenUpOf({ name: service, store }: HostedService, page: Page): Promise<AdminItem<'GET /given-up'>[]> {
  const work = (await listGivenUp(store, newestOf(page))).map(({ lane, attempts: _, ...item }) => ({ ...item, what: lane }));
  const schedules = (await listSchedules(store)).flatMap(({ name, lastError: error = '', givenUpAt }) =>
    givenUpAt === undefined ? [] : [{ service, id: scheduleId(service, name), kind: 'schedule', what: name, error, givenUpAt }],
  );
  return [...work, ...schedules];
}

function retry({ name: service, store }: HostedService, id: string): Promise<boolean> {
  const prefix = scheduleId(service, '');
  return id.startsWith(prefix) ? retrySchedule(store, id.slice(prefix.length)) : retryGivenUp(store, id);
}
