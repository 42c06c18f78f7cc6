import { listDeadLetters, replayDeadLetter, showDeadLetter } from '../bus/index.ts';
import type { HostedService } from '../service/index.ts';
import { ADMIN_ROUTES } from './contract/index.ts';
import { newestOf, serveList } from './pages.ts';
import { type ServiceRoute, serveThing } from './serve.ts';

/** Makes the routes about subscriptions and dead letters. */
export function eventRoutes(services: readonly HostedService[]): ServiceRoute[] {
  const decide = async (service: HostedService, id: string, how: 'replay' | 'discard') => {
    if (!(await showDeadLetter(service.store, id))) return undefined;
    const decided = await replayDeadLetter(service.store, id, how);
    for (const subscription of service.consumers) subscription.wake();
    return decided;
  };
  return [
    serveList(ADMIN_ROUTES.subscriptions, services, ({ name, consumers }) =>
      Promise.all(
        consumers.map(async (subscription) => ({
          service: name,
          subscription: subscription.group,
          poison: subscription.poison,
          topics: [...subscription.topics],
          haltedAt: await subscription.standstills(),
        })),
      ),
    ),
    serveList(ADMIN_ROUTES.deadLetters, services, ({ store }, page) => listDeadLetters(store, newestOf(page))),
    serveThing(ADMIN_ROUTES.deadLetter, 'NotFound', services, ({ store }, id) => showDeadLetter(store, id)),
    serveThing(ADMIN_ROUTES.replayDeadLetter, 'NotFound', services, (service, id) => decide(service, id, 'replay')),
    serveThing(ADMIN_ROUTES.discardDeadLetter, 'NotFound', services, (service, id) => decide(service, id, 'discard')),
  ];
}
