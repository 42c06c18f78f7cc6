import { createAdmin, startAdminServer, startProbeServer } from '../../admin/index.ts';
import { type AnyContract, compileContract } from '../../contract/index.ts';
import { createGateway, createGatewayServer, type GatewayDefinition, type LimitStore } from '../../gateway/index.ts';
import { Admission } from '../../load/index.ts';
import { type ClientOf, clientFor } from '../../rpc/index.ts';
import { serviceCaller } from '../../security/index.ts';
import { newTrace } from '../../telemetry/index.ts';
import { failBoot } from '../boot-wait.ts';
import { ADMIN } from '../links.ts';
import type { Runtime } from '../options.ts';
import { portTaken } from '../port-taken.ts';
import { type RunningParts, shutDown } from '../shutdown.ts';
import type { CheckedProcess } from './check.ts';
import type { HostedProcess } from './host.ts';
import type { PlannedProcess } from './plan.ts';

/**
 * The last phase of a start: opens the ports for clients, operators and probes, says that the process is ready, and makes it known to others.
 * @throws BootError when a port is taken, or the registry refuses
 */
export async function serveProcess(
  planned: PlannedProcess,
  { gateways }: CheckedProcess,
  hosted: HostedProcess,
  parts: RunningParts,
): Promise<Runtime> {
  const { profile, platform, log, health, wait } = planned;
  const { links, directory } = parts;
  parts.limits = profile.limits?.create({ platform, onError: (error) => log.event('limits_failed', { err: error }) });
  const ports = await serveGateways(planned, gateways, hosted, parts);
  await serveOperators(planned, hosted, parts);
  await serveProbes(planned, parts);
  health.setReady(true);
  await wait
    .until('the registry', async () => links?.register([...directory.services.keys()], parts.probes?.port as number))
    .catch(failBoot);
  return runtimeOf(planned, hosted, parts, ports);
}

async function serveGateways(
  planned: PlannedProcess,
  gateways: ReadonlyMap<string, GatewayDefinition>,
  { transportOf }: HostedProcess,
  parts: RunningParts,
): Promise<Record<string, number>> {
  const { platform, log, health, metrics, standard, instrument, options } = planned;
  const host = hostOf(planned);
  const admission = new Admission(platform);
  const limits: LimitStore | undefined = parts.limits;
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
        instrument,
        ...(limits ? { limits } : {}),
      },
      definition,
    );
    const server = createGatewayServer({ platform, definition, handler, admission, health, metrics, standard, log, instrument });
    ports[name] = await server.listen(port, host).catch((error: unknown) => portTaken(`gateway '${name}'`, port, error));
    parts.servers.push(server);
    log.event('gateway_listening', { gateway: name, address: `http://${host}:${ports[name]}` });
  }
  return ports;
}

async function serveOperators(
  { platform, log, health, options }: PlannedProcess,
  { transportOf }: HostedProcess,
  parts: RunningParts,
): Promise<void> {
  const { links, directory, homes } = parts;
  if (!options.admin) return;
  const admin = createAdmin({
    platform,
    services: directory.hosted,
    transport: transportOf(ADMIN),
    transportOf,
    health,
    elsewhere: links?.operates ? links.others : [],
    absent: () =>
      [...homes.values()].filter(({ name }) => !directory.services.has(name)).map(({ name, absence }) => ({ service: name, why: absence })),
  });
  parts.admin = await startAdminServer({ platform, admin, log, shared: options.sharePorts ?? false, ...options.admin }).catch(
    (error: unknown) => portTaken('admin interface', options.admin?.port, error),
  );
}

async function serveProbes(planned: PlannedProcess, parts: RunningParts): Promise<void> {
  const { platform, log, health, metrics, options } = planned;
  const port = options.probesPort ?? (parts.links ? 0 : undefined);
  if (port === undefined) return;
  parts.probes = await startProbeServer({ platform, log, health, metrics, host: hostOf(planned), port }).catch((error: unknown) =>
    portTaken('the health probes', port, error),
  );
}

const hostOf = ({ options }: PlannedProcess): string => options.host ?? '127.0.0.1';

function runtimeOf(
  { platform, log, health, options }: PlannedProcess,
  { edges, rpcPorts }: HostedProcess,
  parts: RunningParts,
  ports: Readonly<Record<string, number>>,
): Runtime {
  let stopping: Promise<void> | undefined;
  const origin = () => ({
    meta: { caller: serviceCaller('runtime'), trace: newTrace(platform, {}), depth: 0 },
    remainingMs: () => Number.POSITIVE_INFINITY,
    signal: undefined,
  });
  return {
    ports,
    adminPort: parts.admin?.port,
    probesPort: parts.probes?.port,
    rpcPort: Object.values(rpcPorts)[0],
    rpcPorts,
    health,
    log,
    services: parts.directory.services,
    homes: parts.homes,
    client: <C extends AnyContract>(contract: C) => clientFor(edges, compileContract(contract).compiled)(origin()) as ClientOf<C>,
    stop() {
      stopping ??= shutDown(parts, options);
      return stopping;
    },
  };
}
