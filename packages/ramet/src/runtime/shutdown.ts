import type { Bus } from '../bus/index.ts';
import type { GatewayServer, LimitStore } from '../gateway/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import type { Health, Metrics, RootLog } from '../telemetry/index.ts';
import { type Directory, newDirectory } from './homes/directory.ts';
import type { Home } from './homes/home.ts';
import type { Links } from './links.ts';
import type { StartOptions } from './options.ts';
import type { PlannedProcess } from './phases/plan.ts';

/** What runs in a process. Each phase of the start adds what it has begun, and the shutdown ends what there is. */
export interface RunningParts {
  readonly platform: Platform;
  readonly log: RootLog;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly directory: Directory;
  readonly homes: Map<string, Home>;
  readonly servers: GatewayServer[];
  admin: { readonly port: number; close(): Promise<void> } | undefined;
  probes: { readonly port: number; close(): Promise<void> } | undefined;
  /** What connects the process with others. */
  links: Links | undefined;
  limits: LimitStore | undefined;
  bus: Bus | undefined;
  release(): Promise<void>;
}

export const partsOf = ({ platform, log, health, metrics, profile }: PlannedProcess): RunningParts => ({
  platform,
  log,
  health,
  metrics,
  directory: newDirectory(),
  homes: new Map(),
  servers: [],
  admin: undefined,
  probes: undefined,
  links: undefined,
  limits: undefined,
  bus: undefined,
  release: () => profile.store.release(),
});

/** How long accepted requests may take to end. */
const DRAIN_MS = 15 * SECOND;
const LOOK_MS = 10;

/**
 * Ends a process without a failed request: it reports that it is not ready, waits until load balancers know that, ends its background
 * work, answers what it has accepted, and closes the stores last, because everything else writes to them until it ends.
 */
export async function shutDown(
  parts: RunningParts,
  { drainDelayMs = 0, sharePorts = false }: Pick<StartOptions, 'drainDelayMs' | 'sharePorts'>,
): Promise<void> {
  const { platform, health, log, links } = parts;
  health.setReady(false, 'shutting down');
  // A registry that does not answer must not delay this: its own health checks notice.
  const withdrawn = links?.withdraw().catch((error: unknown) => log.event('registry_withdrawal_failed', { err: error }));
  if (drainDelayMs > 0) await platform.timers.sleep(drainDelayMs);
  const giveUpMono = platform.clock.monoNow() + DRAIN_MS;
  for (const hosted of parts.directory.hosted) hosted.endWaits();
  await withdrawn;
  const elsewhere = sharePorts ? 'port' : drainDelayMs > 0 ? 'address' : undefined;
  const drained = Promise.all([...parts.servers.map((server) => server.drain(elsewhere)), links?.drain()]);
  // Sagas end at a step and reactions between two events, while requests under way are answered.
  const background = Promise.allSettled([...parts.homes.values()].map((home) => home.end()));
  await drained;
  const busy = () => (links?.inFlight ?? 0) > 0 || parts.servers.some((server) => server.inFlight > 0);
  while (busy() && platform.clock.monoNow() < giveUpMono) await platform.timers.sleep(LOOK_MS);
  await Promise.allSettled(parts.servers.map((server) => server.close()));
  await background;
  // Until now, other processes that finish their own work still call this one.
  await links?.closeServer();
  await parts.bus?.close();
  await Promise.allSettled([parts.admin?.close(), parts.probes?.close(), parts.limits?.close(), links?.close()]);
  // A client that the program has kept may still call.
  for (const home of parts.homes.values()) home.shut();
  await Promise.allSettled([...parts.directory.stores.values()].map((store) => store.close()));
  await parts.release();
  await Promise.allSettled([parts.metrics.shutdown(), platform.http.close()]);
  await log.flush();
}
