import { createAdmin, startAdminServer } from '../admin/index.ts';
import type { Bus } from '../bus/index.ts';
import { type AnyContract, compileContract } from '../contract/index.ts';
import { BootError, RametError } from '../errors/index.ts';
import { createGateway, createGatewayServer, type GatewayDefinition, type GatewayServer } from '../gateway/index.ts';
import { type Platform, realPlatform, SECOND } from '../platform/index.ts';
import { type CallWatcher, type ClientOf, clientFor, type Dispatcher, type Transport, watchAll } from '../rpc/index.ts';
import { localTransport } from '../rpc/local/index.ts';
import { serviceCaller } from '../security/index.ts';
import {
  checkService,
  checkStandstill,
  type HostedService,
  type HostObserver,
  hostService,
  LoopLag,
  newOwner,
  type ServiceDefinition,
} from '../service/index.ts';
import { migrate, readMigrations, type Store, type StoreEnvironment } from '../store/index.ts';
import {
  createHealth,
  createLog,
  createMetrics,
  type Health,
  isLogLevel,
  type LogWriter,
  newTrace,
  type RootLog,
  standardMetrics,
} from '../telemetry/index.ts';
import { callWatchOf } from './call-watch.ts';
import { observerOf } from './observer.ts';
import { type RunningParts, shutDown } from './shutdown.ts';
import type { Load, Topology } from './topology.ts';

export interface StartOptions {
  /** Which profile of the topology (default: `monolith`, or the only one). */
  readonly profile?: string;
  /** The services and gateways of the topology that this process hosts (default: all). */
  readonly hosts?: readonly string[];
  /** Carries calls beyond this process, given the transport within it (default: nothing is beyond). */
  readonly transport?: (local: Transport) => Transport;
  readonly platform?: Platform;
  readonly name?: string;
  readonly version?: string;
  readonly env?: string;
  readonly logLevel?: string;
  readonly logTo?: LogWriter;
  /** The port of each gateway; one without a port is not served. 0 takes a free one. */
  readonly ports?: Readonly<Record<string, number>>;
  readonly host?: string;
  /** The operators' interface; none when left out. */
  readonly admin?: { readonly port: number; readonly tokenFile: string };
  /** Where alerts are posted. */
  readonly alertWebhook?: string;
  /** How long requests are still accepted after readiness went down, so that load balancers notice (default 0; 5 s on Kubernetes). */
  readonly drainDelayMs?: number;
  /** Told of calls, events and sagas as they end. */
  readonly observe?: Partial<HostObserver>;
  /** Sees what the policies of calls do: attempts, breakers, budgets, queues. */
  readonly watch?: CallWatcher;
  /** Called when the process must not go on (a failed fsync). Default: exit 1. */
  readonly onFatal?: (error: unknown) => void;
}

export interface Runtime {
  /** The port each gateway listens on. */
  readonly ports: Readonly<Record<string, number>>;
  readonly adminPort: number | undefined;
  readonly health: Health;
  readonly log: RootLog;
  readonly services: ReadonlyMap<string, HostedService>;
  /** Calls a service of this topology as the runtime itself: for seeds, scripts and tests. */
  client<C extends AnyContract>(contract: C): ClientOf<C>;
  /** Ends in order: no new work, answers to what is under way, leases back, stores last. */
  stop(): Promise<void>;
}

const READY_CHECK_MS = 2 * SECOND;

/**
 * Starts a process of a topology: loads what it hosts, checks everything, opens and migrates the stores, and serves.
 * @throws BootError with every problem found, before anything is served
 */
export async function start(topology: Topology, options: StartOptions = {}): Promise<Runtime> {
  const platform = options.platform ?? realPlatform();
  const startedAtMono = platform.clock.monoNow();
  const { name: service = 'ramet', version = '0', env = 'development', logLevel = 'info' } = options;
  const problems: string[] = [];
  if (!isLogLevel(logLevel)) problems.push(`LOG_LEVEL '${logLevel}' is none of trace, debug, info, warn, error, silent`);
  const log = createLog({ platform, service, version, env, level: isLogLevel(logLevel) ? logLevel : 'info', destination: options.logTo });
  const metrics = createMetrics({ service, version, env, onError: (error) => log.warn({ err: error }, 'a gauge could not be read') });
  const standard = standardMetrics(metrics);
  const health = createHealth(platform, { startedAtMono, log });

  const profileName = options.profile ?? ('monolith' in topology.profiles ? 'monolith' : (Object.keys(topology.profiles)[0] as string));
  const profile = topology.profiles[profileName];
  if (!profile)
    throw new BootError([`profile '${profileName}' is not in the topology; it has ${Object.keys(topology.profiles).join(', ') || 'none'}`]);

  const hosts = options.hosts && new Set(options.hosts);
  for (const name of hosts ?? []) {
    if (!(name in topology.services) && !(name in topology.gateways))
      problems.push(`this process shall host '${name}', which the topology does not have`);
  }
  const definitions = await loadAll('service', topology.services, hosts, problems);
  const gateways = await loadAll('gateway', topology.gateways, hosts, problems);
  checkAll(platform, new Set(Object.keys(topology.services)), definitions, gateways, options, problems);
  if (problems.length > 0) throw new BootError(problems);

  const fatal = options.onFatal ?? ((error: unknown) => exitNow(log, error));
  const environment: StoreEnvironment = {
    platform,
    warn: (fields, message) => log.warn(fields, message),
    fatal,
    onCommit(store, ms, transactions) {
      standard.storeCommitDuration.record(ms / SECOND, { service: store });
      standard.storeBatchSize.record(transactions, { service: store });
    },
  };
  await profile.store.prepare(environment).catch((error: unknown) => fail(error));
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
    bus: undefined,
    stores,
    release: () => profile.store.release(),
  };
  try {
    await openStores(platform, profile.store, environment, definitions, stores);
    const dispatchers = new Map<string, Dispatcher>();
    const local = localTransport(dispatchers);
    const transport = options.transport?.(local) ?? local;
    const owner = newOwner(platform);
    const observe = observerOf(standard, options.observe);
    const watch = watchAll(callWatchOf(standard, log), options.watch ?? {});
    const loopLag = new LoopLag(platform);
    const services = new Map<string, HostedService>();
    for (const [name, definition] of definitions) {
      const hosted = hostService(definition, {
        platform,
        store: stores.get(name) as Store,
        transport,
        log,
        metrics,
        owner,
        observe,
        watch,
        loopLag,
        lag: (subscription) => lagOf(parts.services, subscription),
        ...(options.alertWebhook === undefined
          ? {}
          : { postAlert: (alert, id) => postAlert(platform, options.alertWebhook as string, alert, id) }),
      });
      services.set(name, hosted);
      dispatchers.set(name, hosted.dispatcher);
      parts.services.push(hosted);
      health.add(`database:${name}`, () => hosted.store.probe(), { kind: 'critical', timeoutMs: READY_CHECK_MS });
      for (const subscription of hosted.consumers.filter(({ poison }) => poison === 'halt'))
        health.add(`subscription:${subscription.group}`, () => checkStandstill(subscription), { kind: 'degrading' });
    }
    const bus = profile.bus.create({
      platform,
      onError: (error, where) => log.error({ err: error, ...where }, 'the bus failed and goes on'),
    });
    parts.bus = bus;
    connect(bus, parts);
    standard.eventLag(() => eventLag(parts.services));
    standard.subscriptionsHalted(() => standstills(parts.services));
    standard.observeProcess({ ...platform.process, eventLoopLagSeconds: () => loopLag.worstSeconds() });
    for (const { engine } of services.values()) {
      for (const missing of (await engine?.missingPrograms()) ?? [])
        log.error(missing, "open sagas began with a program that this deployment does not have; list it in 'previous'");
    }
    for (const hosted of services.values()) hosted.start();

    const ports: Record<string, number> = {};
    for (const [name, definition] of gateways) {
      const port = options.ports?.[name];
      if (port === undefined) {
        log.warn({ gateway: name }, "this gateway has no port and is not served; name one in 'ports'");
        continue;
      }
      const { handler } = createGateway({ platform, transport, log, watch }, definition);
      const server = createGatewayServer({ platform, definition, handler, health, metrics, standard, log });
      ports[name] = await listen(server, name, port, options.host ?? '127.0.0.1');
      parts.servers.push(server);
      log.info({ gateway: name, address: `http://${options.host ?? '127.0.0.1'}:${ports[name]}` }, 'listening');
    }
    if (options.admin) {
      parts.admin = await startAdminServer({
        platform,
        admin: createAdmin({ platform, services: [...services.values()], transport, health }),
        log,
        ...options.admin,
      }).catch((error: unknown) => portTaken('admin interface', options.admin?.port, error));
    }
    health.setReady(true);

    let stopping: Promise<void> | undefined;
    return {
      ports,
      adminPort: parts.admin?.port,
      health,
      log,
      services,
      client: <C extends AnyContract>(contract: C) =>
        clientFor(
          platform,
          transport,
          compileContract(contract).compiled,
        )({
          meta: { caller: serviceCaller('runtime'), trace: newTrace(platform, {}), depth: 0 },
          remainingMs: () => Number.POSITIVE_INFINITY,
          signal: undefined,
        }) as ClientOf<C>,
      stop() {
        stopping ??= shutDown(parts, options.drainDelayMs ?? 0);
        return stopping;
      },
    };
  } catch (error) {
    await shutDown(parts, 0).catch(() => {});
    throw error;
  }
}

function connect(bus: Bus, parts: RunningParts): void {
  for (const hosted of parts.services) bus.attach(hosted.outbox);
  for (const hosted of parts.services) {
    for (const { group, topics, sink } of hosted.consumers) parts.consumers.push(bus.consume({ group, topics, sink }));
  }
}

/** How many events each subscriber has still to settle, over all the outboxes that it reads. */
async function eventLag(services: readonly HostedService[]): Promise<{ value: number; labels: { subscriber: string } }[]> {
  const lags: { value: number; labels: { subscriber: string } }[] = [];
  for (const subscription of services.flatMap((hosted) => hosted.consumers))
    lags.push({ value: await lagOf(services, subscription), labels: { subscriber: subscription.group } });
  return lags;
}

/** How many events a subscription has still to settle, over all the outboxes in this process that it reads. */
async function lagOf(
  services: readonly HostedService[],
  { topics, sink }: Pick<HostedService['consumers'][number], 'topics' | 'sink'>,
): Promise<number> {
  let lag = 0;
  for (const { outbox, store } of services) {
    if (![...topics].some((topic) => topic.startsWith(`${outbox.service}.`))) continue;
    for (const { p, pos } of await store.reader.all<{ p: number; pos: number }>('select p, pos from ramet_partitions'))
      lag += Number(pos) - (await sink.checkpoint(outbox.service, Number(p)));
  }
  return lag;
}

/** In how many partitions each subscription that may halt stands. */
async function standstills(services: readonly HostedService[]): Promise<{ value: number; labels: { subscriber: string } }[]> {
  const halting = services.flatMap((hosted) => hosted.consumers).filter(({ poison }) => poison === 'halt');
  return Promise.all(halting.map(async ({ group, sink }) => ({ value: (await sink.standstills()).length, labels: { subscriber: group } })));
}

async function loadAll<T>(
  what: string,
  loads: Readonly<Record<string, Load<T>>>,
  hosts: ReadonlySet<string> | undefined,
  problems: string[],
): Promise<Map<string, T>> {
  const wanted = Object.entries(loads).filter(([name]) => hosts?.has(name) ?? true);
  const loaded = await Promise.all(
    wanted.map(async ([name, load]): Promise<[string, T] | undefined> => {
      try {
        const module = await load();
        if (module.default === undefined)
          problems.push(`${what} '${name}': its module has no default export; write 'export default ${what}(…)'`);
        else return [name, module.default];
      } catch (error) {
        problems.push(`${what} '${name}' cannot be loaded: ${(error as Error).message}`);
      }
      return undefined;
    }),
  );
  return new Map(loaded.filter((entry) => entry !== undefined));
}

function checkAll(
  platform: Platform,
  services: ReadonlySet<string>,
  definitions: Map<string, ServiceDefinition>,
  gateways: Map<string, GatewayDefinition>,
  options: StartOptions,
  problems: string[],
): void {
  for (const [name, definition] of definitions) {
    if (definition.contract.name !== name)
      problems.push(`service '${name}' of the topology has the contract '${definition.contract.name}'; use one name`);
    problems.push(...checkService(definition));
    problems.push(...readMigrations(platform, definition.store?.migrations).problems.map((problem) => `service '${name}': ${problem}`));
    const uses = [...Object.entries(definition.uses), ...definition.sagas.flatMap((saga) => Object.entries(saga.uses))];
    for (const [, use] of uses) {
      if ('contract' in use && !services.has(use.contract.name))
        problems.push(`service '${name}' uses '${use.contract.name}', which the topology does not have`);
    }
    for (const saga of definition.sagas.flatMap((current) => [current, ...current.previous])) {
      for (const event of saga.waitsFor) {
        if (!services.has(event.service))
          problems.push(
            `service '${name}', saga '${saga.name}' waits for '${event.service}.${event.name}', but the topology has no '${event.service}'`,
          );
      }
    }
    for (const { event } of definition.reactions) {
      if (!services.has(event.service))
        problems.push(`service '${name}' reacts to '${event.service}.${event.name}', but the topology has no '${event.service}'`);
    }
  }
  const nowhere = localTransport(new Map());
  for (const [name, definition] of gateways) {
    problems.push(...createGateway({ platform, transport: nowhere, log: { child: () => undefined } as never }, definition).problems);
    for (const route of definition.routes) {
      if (route.kind === 'expose' && !services.has(route.contract.name))
        problems.push(`gateway '${name}' exposes '${route.contract.name}', which the topology does not have`);
      for (const use of route.kind === 'compose' ? Object.values(route.uses) : [])
        if ('contract' in use && !services.has(use.contract.name))
          problems.push(
            `gateway '${name}', route '${(route as { route: string }).route}' uses '${use.contract.name}', which the topology does not have`,
          );
    }
  }
  for (const name of Object.keys(options.ports ?? {}))
    if (!gateways.has(name)) problems.push(`a port is given for gateway '${name}', which the topology does not have`);
}

async function openStores(
  platform: Platform,
  factory: Topology['profiles'][string]['store'],
  environment: Parameters<typeof factory.prepare>[0],
  definitions: Map<string, ServiceDefinition>,
  stores: Map<string, Store>,
): Promise<void> {
  const problems: string[] = [];
  await Promise.all(
    [...definitions].map(async ([name, definition]) => {
      try {
        const store = await factory.open(name, environment);
        stores.set(name, store);
        await migrate(store, platform, readMigrations(platform, definition.store?.migrations).migrations);
      } catch (error) {
        problems.push((error as Error).message);
      }
    }),
  );
  if (problems.length > 0) throw new BootError(problems);
}

async function listen(server: GatewayServer, name: string, port: number, host: string): Promise<number> {
  try {
    return await server.listen(port, host);
  } catch (error) {
    return portTaken(`gateway '${name}'`, port, error);
  }
}

function portTaken(what: string, port: number | undefined, error: unknown): never {
  const taken = (error as { code?: string }).code === 'EADDRINUSE';
  throw new BootError([
    `${what} cannot listen on port ${port} (${taken ? 'it is in use' : (error as Error).message}); stop who uses it, or choose another port`,
  ]);
}

function fail(error: unknown): never {
  throw error instanceof RametError ? new BootError([error.message]) : error;
}

async function postAlert(platform: Platform, webhook: string, alert: unknown, id: string): Promise<void> {
  const response = await platform.http.fetch(webhook, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'idempotency-key': id },
    body: JSON.stringify(alert),
  });
  if (response.status >= 300) throw new RametError('Unavailable', `the alert webhook answered ${response.status}`);
}

function exitNow(log: RootLog, error: unknown): void {
  log.error({ err: error }, 'the process cannot promise durability any more and ends; start it again');
  void log.flush(500).finally(() => process.exit(1));
}
