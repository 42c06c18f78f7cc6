import { operatorsDispatcher, serviceRoutes } from '../../admin/index.ts';
import { alertPoster } from '../../alert/index.ts';
import { type Bus, unmetDemands } from '../../bus/index.ts';
import { BootError, RametError, reasonOf, type Warn } from '../../errors/index.ts';
import { Edges, Outbound, stopped, type TransportRoutes } from '../../rpc/index.ts';
import { localTransport } from '../../rpc/local/index.ts';
import { hostService, LoopLag, newOwner } from '../../service/index.ts';
import { BootWait, failBoot } from '../boot-wait.ts';
import { busErrors } from '../bus-errors.ts';
import { eventLag, standstills } from '../gauges.ts';
import { Home, type HomeEnvironment } from '../homes/home.ts';
import { openStore, type StoreSource } from '../homes/open-store.ts';
import { ADMIN, transports } from '../links.ts';
import { portTaken } from '../port-taken.ts';
import type { RunningParts } from '../shutdown.ts';
import type { CheckedProcess } from './check.ts';
import type { PlannedProcess } from './plan.ts';

/** The services of a process at work, and what the gateways and operators of the process call them with. */
export interface HostedProcess {
  readonly transportOf: (from: string) => TransportRoutes;
  /** The calls of the runtime itself. */
  readonly edges: Edges;
  /** Where other processes call this one, by protocol. */
  readonly rpcPorts: Readonly<Record<string, number>>;
}

/**
 * The fourth phase of a start: puts the services together on their stores, connects them with the bus and with other processes, and
 * begins their background work. Each step is done for all services before the next one, so that no service misses another.
 * @throws BootError when the bus is misconfigured, a store fails, or the port of a transport is taken
 */
export async function hostProcess(
  planned: PlannedProcess,
  { definitions }: CheckedProcess,
  source: StoreSource,
  parts: RunningParts,
): Promise<HostedProcess> {
  const { health, wait, options } = planned;
  const { links, directory, homes } = parts;
  const looked = links?.look();
  // It is awaited later, and a failure until then must not end the process.
  looked?.catch(() => {});
  for (const other of links?.others ?? []) health.add(`service:${other}`, () => links?.check(other), { kind: 'degrading' });
  const calls = callsOf(planned, parts);
  const owner = newOwner(planned.platform);
  const bus = await openBus(planned, owner);
  parts.bus = bus;
  const environment = homeEnvironmentOf(planned, parts, { source, calls, owner, bus });
  for (const [name, definition] of definitions) homes.set(name, new Home(definition, environment));
  for (const home of homes.values()) home.host();
  checkSubscriptions(planned, parts);
  for (const home of homes.values()) home.connect();
  for (const home of homes.values()) await home.reportMissing(wait).catch(failBoot);
  const rpcPorts = await links
    ?.listen(directory.served, options.host ?? '127.0.0.1')
    .catch((error: unknown) => portTaken('the transport between processes', (error as { port?: number }).port, error));
  await looked;
  for (const home of homes.values()) home.begin();
  return { ...calls, rpcPorts: rpcPorts ?? {} };
}

/** How calls leave the services, gateways and operators of this process. */
function callsOf({ platform, instrument, options }: PlannedProcess, { links, directory, homes }: RunningParts) {
  const { dispatchers } = directory;
  const local = localTransport(dispatchers, (service) => homes.get(service)?.refusal() ?? stopped(service));
  const transportOf = transports(local, dispatchers, links, options.transport);
  const outbound = new Outbound(platform, 'runtime', instrument);
  const edges = new Edges(transportOf(ADMIN), outbound);
  const postAlert = options.alertWebhook === undefined ? undefined : alertPoster(options.alertWebhook, local, outbound);
  return { transportOf, edges, postAlert };
}

/** A broker that is unavailable keeps no process from starting: what is committed meanwhile is published when it comes back. */
async function openBus({ platform, log, wait, instrument, profile: { bus } }: PlannedProcess, owner: string): Promise<Bus> {
  const environment = { platform, owner, instrument, onError: busErrors(platform, log) };
  const fields = { bus: bus.capabilities.name };
  try {
    const weaknesses = await wait.once('the bus', async () => (await bus.check?.(environment)) ?? []);
    for (const weakness of weaknesses) log.event('bus_weak', fields, weakness);
  } catch (error) {
    if (error instanceof RametError && error.code === 'Misconfigured') failBoot(error);
    log.event('bus_unavailable_at_start', fields, reasonOf(error));
  }
  return bus.create(environment);
}

/** Reports what the bus does not have that a subscription needs. @throws BootError when a subscription cannot work on it */
function checkSubscriptions({ log, profile: { bus } }: PlannedProcess, { directory }: RunningParts): void {
  const refused: string[] = [];
  for (const subscription of directory.hosted.flatMap(({ consumers }) => consumers)) {
    const unmet = unmetDemands(bus.capabilities, subscription, bus.topicOf);
    refused.push(...unmet.refused);
    for (const weakness of unmet.weaker) log.event('bus_weak', { bus: bus.capabilities.name, subscription: subscription.group }, weakness);
  }
  if (refused.length > 0) throw new BootError(refused);
}

interface HomeParts {
  readonly source: StoreSource;
  readonly calls: ReturnType<typeof callsOf>;
  readonly owner: string;
  readonly bus: Bus;
}

function homeEnvironmentOf(planned: PlannedProcess, parts: RunningParts, { source, calls, owner, bus }: HomeParts): HomeEnvironment {
  const { platform, log, metrics, standard, health, instrument, options } = planned;
  const { directory, links } = parts;
  const { transportOf, postAlert } = calls;
  const loopLag = new LoopLag(platform);
  const warn: Warn = (event, fields, detail) => log.event(event, fields, detail);
  standard.eventLag(() => eventLag(bus, directory.hosted));
  standard.subscriptionsHalted(() => standstills(directory.hosted));
  standard.observeProcess({ ...platform.process, eventLoopLagSeconds: () => loopLag.worstSeconds() });
  return {
    platform,
    log,
    health,
    metrics,
    directory,
    bus,
    newWait: (unlessEnded) => new BootWait(platform, warn, options.bootWait, unlessEnded),
    open: (definition, wait) => openStore(source, definition, wait),
    host: (definition, store, door) =>
      hostService(definition, {
        platform,
        store,
        transport: transportOf(definition.contract.name),
        log,
        metrics,
        owner,
        instrument,
        loopLag,
        door,
        lag: (subscription) => bus.lag(subscription),
        ...(postAlert ? { postAlert } : {}),
      }),
    operators: (hosted) => operatorsDispatcher(serviceRoutes(platform, [hosted], transportOf), log),
    offer: async (name, wait) => {
      if (links) await wait.until('the registry', () => links.register([name], parts.probes?.port as number));
    },
    withdraw: async (name) => {
      await links?.withdraw([name]).catch((error: unknown) => log.event('registry_withdrawal_failed', { err: error }));
    },
    onLeft: (caller) => instrument.note?.({ what: 'caller left', caller }),
  };
}
