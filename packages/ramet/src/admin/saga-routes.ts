import type { Platform } from '../platform/index.ts';
import { DEFAULT_POLICY, Edge, Outbound, type TransportRoutes } from '../rpc/index.ts';
import { hasSaga, listSagas, operate, type Resolver, showSaga } from '../saga/index.ts';
import type { HostedService } from '../service/index.ts';
import { ADMIN_ROUTES } from './contract/index.ts';
import { OPERATOR, originOf } from './origin.ts';
import { newestOf, serveList } from './pages.ts';
import { type ServiceRoute, serveThing } from './serve.ts';

/** Makes the routes about sagas. @param transportOf how a service calls others */
export function sagaRoutes(
  platform: Platform,
  services: readonly HostedService[],
  transportOf: (service: string) => TransportRoutes,
): ServiceRoute[] {
  /** The undo that an operator requests is called in the name of the service that has the saga. */
  const resolverOf =
    (service: string): Resolver =>
    (saga, undo, step) =>
      new Edge(new Outbound(platform, 'runtime'), transportOf(service), undo.service, DEFAULT_POLICY).call(
        { kind: 'command', service: undo.service, name: undo.operation },
        undo.input,
        originOf(platform, { service, initiation: saga }),
        { step },
      );
  return [
    serveList(ADMIN_ROUTES.sagas, services, ({ store, masker }, page, { state, attention }) =>
      listSagas(store, masker, {
        ...newestOf(page),
        ...(state === undefined ? {} : { state }),
        ...(attention === undefined ? {} : { attention: true }),
      }),
    ),
    serveThing(ADMIN_ROUTES.saga, 'UnknownSaga', services, async ({ store, masker }, id) =>
      (await hasSaga(store, id)) ? showSaga(store, masker, id) : undefined,
    ),
    serveThing(ADMIN_ROUTES.actOnSaga, 'UnknownSaga', services, async ({ name, store, masker, engine }, id, { body }) => {
      if (!(await hasSaga(store, id))) return undefined;
      await operate(store, resolverOf(name), id, OPERATOR, body);
      engine?.poke();
      return showSaga(store, masker, id);
    }),
  ];
}
