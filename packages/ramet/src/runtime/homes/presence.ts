import { operatorsOf } from '../../admin/index.ts';
import { SECOND } from '../../platform/index.ts';
import type { Dispatcher } from '../../rpc/index.ts';
import { checkStandstill, type HostedService } from '../../service/index.ts';
import type { Health, Metrics } from '../../telemetry/index.ts';
import type { Directory } from './directory.ts';

const READY_CHECK_MS = 2 * SECOND;

export interface PresenceEnvironment {
  readonly directory: Directory;
  readonly health: Health;
  readonly metrics: Metrics;
  /** Makes the operators' interface of a service. */
  readonly operators: (hosted: HostedService) => Dispatcher;
}

/**
 * Shows a service to the rest of the process: callers reach it, operators see it, health and metrics include it.
 * @returns removes all of it
 */
export function appear(hosted: HostedService, { directory, health, metrics, operators }: PresenceEnvironment): () => void {
  const { name, store, dispatcher, definition, consumers } = hosted;
  const { dispatchers, served, services, hosted: list } = directory;
  const removals = [
    entered(dispatchers, name, dispatcher),
    entered(served, name, dispatcher),
    entered(served, operatorsOf(name), operators(hosted)),
    entered(services, name, hosted),
    health.add(`database:${name}`, () => store.probe(), { kind: 'critical', timeoutMs: READY_CHECK_MS }),
    ...consumers
      .filter(({ poison }) => poison === 'halt')
      .map((subscription) => health.add(`subscription:${subscription.group}`, () => checkStandstill(subscription), { kind: 'degrading' })),
    ...Object.entries(definition.gauges).map(([gauge, { description, read }]) =>
      metrics.gauge(gauge, { description }, async () => read({ db: store.reader.db })),
    ),
  ];
  list.push(hosted);
  removals.push(() => void list.splice(list.indexOf(hosted), 1));
  return () => {
    for (const remove of removals.splice(0)) remove();
  };
}

function entered<T>(map: Map<string, T>, key: string, value: T): () => void {
  map.set(key, value);
  return () => void map.delete(key);
}
