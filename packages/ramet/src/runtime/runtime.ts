import { createAdmin, operatorsDispatcher, operatorsOf, serviceRoutes, startAdminServer, startProbeServer } from '../admin/index.ts';
import type { Bus, BusEnvironment, BusFactory } from '../bus/index.ts';
import { type AnyContract, compileContract } from '../contract/index.ts';
import { BootError, nodeProblem, RametError, reasonOf, type Warn } from '../errors/index.ts';
import { createGateway, createGatewayServer } from '../gateway/index.ts';
import { Admission } from '../load/index.ts';
import { type Platform, realPlatform, SECOND } from '../platform/index.ts';
import { type ClientOf, clientFor, type Dispatcher, Edges, Outbound, watchAll } from '../rpc/index.ts';
import { localTransport } from '../rpc/local/index.ts';
import { serviceCaller } from '../security/index.ts';
import { checkStandstill, type HostedService, hostService, LoopLag, newOwner } from '../service/index.ts';
import type { Store, StoreEnvironment } from '../store/index.ts';
import {
  createHealth,
  createLog,
  createMetrics,
  type EventLog,
  isLogLevel,
  newTrace,
  type RootLog,
  standardMetrics,
} from '../telemetry/index.ts';
import { alertPoster, webhookProblems } from './alert-webhook.ts';
import { BootWait, failBoot } from './boot-wait.ts';
import { busErrors } from './bus-errors.ts';
import { callWatchOf } from './call-watch.ts';
import { circlesOf, circleText } from './circles.ts';
import { eventLag, standstills } from './gauges.ts';
import { ADMIN, openLinks, transports } from './links.ts';
import { checkAll, loadAll } from './load.ts';
import { observerOf } from './observer.ts';
import { openStores } from './open-stores.ts';
import type { Runtime, StartOptions } from './options.ts';
import { planOf } from './plan.ts';
import { type RunningParts, shutDown } from './shutdown.ts';
import { startProblems } from './start-problems.ts';
import type { Topology } from './topology.ts';
import { guardUnawaited } from './unawaited.ts';

const READY_CHECK_MS = 2 * SECOND;

/**
 * Starts a process of a topology: loads what it hosts, checks everything, opens and migrates the stores, and serves.
 * @throws BootError with every problem found, before anything is served
 */
export async function start(topology: Topology, options: StartOptions = {}): Promise<Runtime> {
  const tooOld = nodeProblem();
  if (tooOld !== undefined) throw new BootError([tooOld]);
  guardUnawaited();
  const platform = options.platform ?? realPlatform();
  const startedAtMono = platform.clock.monoNow();
  const { name: service = 'ramet', version = '0', env = 'development', logLevel = 'info' } = options;
  const problems = [...webhookProblems(options.alertWebhook), ...startProblems(options)];
  if (!isLogLevel(logLevel)) problems.push(`LOG_LEVEL '${logLevel}' is none of trace, debug, info, warn, error, silent`);
  const log = createLog({ platform, service, version, env, level: isLogLevel(logLevel) ? logLevel : 'info', destination: options.logTo });
  const metrics = createMetrics({ service, version, env, onError: (error) => log.event('gauge_failed', { err: error }) });
  const standard = standardMetrics(metrics);
  const health = createHealth(platform, { startedAtMono, log });

  const wait = bootWaitOf(platform, log, options, problems);

  const { profile, hosts, process } = await planOf(topology, options);
  const definitions = await loadAll('service', topology.services, hosts, problems);
  const gateways = await loadAll('gateway', topology.gateways, hosts, problems);
  checkAll(platform, topology, definitions, gateways, options.ports ?? {}, problems);
  if (problems.length > 0) throw new BootError([...new Set(problems)]);
  for (const circle of circlesOf(definitions)) log.event('query_circle', { services: circle }, circleText(circle));

  const fatal = options.onFatal ?? ((error: unknown) => exitNow(log, error));
  const environment: StoreEnvironment = {
    platform,
    warn: (event, fields, detail) => log.event(event, fields, detail),
    fatal,
    onCommit(store, ms, transactions) {
      standard.storeCommitDuration.record(ms / SECOND, { service: store });
      standard.storeBatchSize.record(transactions, { service: store });
    },
  };
  await profile.store.prepare(environment).catch(failBoot);
  const stores = new Map<string, Store>();
  const parts: RunningParts = {
    platform,
    log,
    health,
    metrics,
    servers: [],
    consumers: [],
    services: [],
    admin: undefined,
    probes: undefined,
    links: undefined,
    limits: undefined,
    bus: undefined,
    stores,
    release: () => profile.store.release(),
  };
  try {
    // What it lacks to speak with the others is reported before any store is opened or migrated.
    const links = process === undefined ? undefined : openLinks({ topology, profile, process, hosts, options, platform, log });
    parts.links = links;
    await openStores(platform, wait, profile.store, environment, definitions, stores);
    const dispatchers = new Map<string, Dispatcher>();
    const local = localTransport(dispatchers);
    const owner = newOwner(platform);
    const looked = links?.look();
    // It is awaited later, and a failure until then must not end the process.
    looked?.catch(() => {});
    for (const other of links?.others ?? []) health.add(`service:${other}`, () => links?.check(other), { kind: 'degrading' });
    const transportOf = transports(local, dispatchers, links, options.transport);
    const observe = observerOf(standard, options.observe);
    const watch = watchAll(callWatchOf(standard, log), options.watch ?? {});
    const outbound = new Outbound(platform, 'runtime', watch);
    const edges = new Edges(transportOf(ADMIN), outbound);
    const postAlert = options.alertWebhook === undefined ? undefined : alertPoster(options.alertWebhook, local, outbound);
    const loopLag = new LoopLag(platform);
    const admission = new Admission(platform);
    const services = new Map<string, HostedService>();
    for (const [name, definition] of definitions) {
      const hosted = hostService(definition, {
        platform,
        store: stores.get(name) as Store,
        transport: transportOf(name),
        log,
        metrics,
        owner,
        observe,
        watch,
        loopLag,
        lag: async (subscription) => (parts.bus ? parts.bus.lag(subscription) : 0),
        ...(postAlert ? { postAlert } : {}),
      });
      services.set(name, hosted);
      for (const [gauge, { description, read }] of Object.entries(definition.gauges))
        metrics.gauge(gauge, { description }, async () => read({ db: hosted.store.reader.db }));
      dispatchers.set(name, hosted.dispatcher);
      parts.services.push(hosted);
      health.add(`database:${name}`, () => hosted.store.probe(), { kind: 'critical', timeoutMs: READY_CHECK_MS });
      for (const subscription of hosted.consumers.filter(({ poison }) => poison === 'halt'))
        health.add(`subscription:${subscription.group}`, () => checkStandstill(subscription), { kind: 'degrading' });
    }
    const busEnvironment: BusEnvironment = {
      platform,
      owner,
      onError: busErrors(platform, log),
    };
    await checkBus(wait, profile.bus, busEnvironment, log);
    const bus = profile.bus.create(busEnvironment);
    parts.bus = bus;
    connect(bus, parts);
    standard.eventLag(() => eventLag(bus, parts.services));
    standard.subscriptionsHalted(() => standstills(parts.services));
    standard.observeProcess({ ...platform.process, eventLoopLagSeconds: () => loopLag.worstSeconds() });
    for (const { engine, name } of services.values()) {
      for (const missing of (await wait.until(`the store of '${name}'`, async () => engine?.missingPrograms()).catch(failBoot)) ?? [])
        log.event('programs_missing', missing);
    }
    const host = options.host ?? '127.0.0.1';
    const operators = parts.services.map((hosted): [string, Dispatcher] => [
      operatorsOf(hosted.name),
      operatorsDispatcher(serviceRoutes(platform, [hosted], transportOf), log),
    ]);
    const rpcPorts = await links
      ?.listen(new Map([...dispatchers, ...operators]), host)
      .catch((error: unknown) => portTaken('the transport between processes', (error as { port?: number }).port, error));
    await looked;
    for (const hosted of services.values()) hosted.start();

    const limits = profile.limits?.create({
      platform,
      onError: (error) => log.event('limits_failed', { err: error }),
    });
    parts.limits = limits;
    const ports: Record<string, number> = {};
    for (const [name, definition] of gateways) {
      const port = options.ports?.[name];
      if (port === undefined) {
        log.event('gateway_without_port', { gateway: name });
        continue;
      }
      const { handler } = createGateway(
        {
          platform,
          transport: transportOf(name),
          log,
          watch,
          ...(limits ? { limits } : {}),
          onLimitFailure: (answer) => standard.limitsUncounted.add(1, { gateway: name, answer }),
        },
        definition,
      );
      const server = createGatewayServer({ platform, definition, handler, admission, health, metrics, standard, log });
      ports[name] = await server.listen(port, host).catch((error: unknown) => portTaken(`gateway '${name}'`, port, error));
      parts.servers.push(server);
      log.event('gateway_listening', { gateway: name, address: `http://${host}:${ports[name]}` });
    }
    if (options.admin) {
      parts.admin = await startAdminServer({
        platform,
        admin: createAdmin({
          platform,
          services: [...services.values()],
          transport: transportOf(ADMIN),
          transportOf,
          health,
          elsewhere: links?.operates ? links.others : [],
        }),
        log,
        shared: options.sharePorts ?? false,
        ...options.admin,
      }).catch((error: unknown) => portTaken('admin interface', options.admin?.port, error));
    }
    const probesPort = options.probesPort ?? (links ? 0 : undefined);
    if (probesPort !== undefined)
      parts.probes = await startProbeServer({ platform, log, health, metrics, host, port: probesPort }).catch((error: unknown) =>
        portTaken('the health probes', probesPort, error),
      );
    health.setReady(true);
    await wait.until('the registry', async () => links?.register(parts.probes?.port as number)).catch(failBoot);

    let stopping: Promise<void> | undefined;
    return {
      ports,
      adminPort: parts.admin?.port,
      probesPort: parts.probes?.port,
      rpcPort: Object.values(rpcPorts ?? {})[0],
      rpcPorts: rpcPorts ?? {},
      health,
      log,
      services,
      client: <C extends AnyContract>(contract: C) =>
        clientFor(
          edges,
          compileContract(contract).compiled,
        )({
          meta: { caller: serviceCaller('runtime'), trace: newTrace(platform, {}), depth: 0 },
          remainingMs: () => Number.POSITIVE_INFINITY,
          signal: undefined,
        }) as ClientOf<C>,
      stop() {
        stopping ??= shutDown(parts, options);
        return stopping;
      },
    };
  } catch (error) {
    await shutDown(parts, {}).catch(() => {});
    throw error;
  }
}

/** @returns the wait of this start; one of the default length, and a problem, where the option is not a duration */
function bootWaitOf(platform: Platform, log: RootLog, { bootWait }: StartOptions, problems: string[]): BootWait {
  const warn: Warn = (event, fields, detail) => log.event(event, fields, detail);
  try {
    return new BootWait(platform, warn, bootWait);
  } catch (error) {
    problems.push(`bootWait: ${(error as Error).message}`);
    return new BootWait(platform, warn);
  }
}

/** A broker that is unavailable keeps no process from starting: what is committed meanwhile is published when it comes back. */
async function checkBus(wait: BootWait, bus: BusFactory, environment: BusEnvironment, log: EventLog): Promise<void> {
  const fields = { bus: bus.capabilities.name };
  try {
    const weaknesses = await wait.once('the bus', async () => (await bus.check?.(environment)) ?? []);
    for (const weakness of weaknesses) log.event('bus_weak', fields, weakness);
  } catch (error) {
    if (error instanceof RametError && error.code === 'Misconfigured') failBoot(error);
    log.event('bus_unavailable_at_start', fields, reasonOf(error));
  }
}

function connect(bus: Bus, parts: RunningParts): void {
  for (const hosted of parts.services) bus.attach(hosted.outbox);
  for (const hosted of parts.services) {
    for (const { group, topics, sink } of hosted.consumers) parts.consumers.push(bus.consume({ group, topics, sink }));
  }
}

function portTaken(what: string, port: number | undefined, error: unknown): never {
  const taken = (error as { code?: string }).code === 'EADDRINUSE';
  throw new BootError([
    `${what} cannot listen on port ${port} (${taken ? 'it is in use' : (error as Error).message}); stop who uses it, or choose another port`,
  ]);
}

function exitNow(log: RootLog, error: unknown): void {
  log.event('durability_lost', { err: error });
  void log.flush(500).finally(() => process.exit(1));
}
