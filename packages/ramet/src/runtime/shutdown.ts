import type { Bus } from '../bus/index.ts';
import type { GatewayServer, LimitStore } from '../gateway/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import type { HostedService } from '../service/index.ts';
import type { Store } from '../store/index.ts';
import type { Health, Metrics, RootLog } from '../telemetry/index.ts';
import type { Links } from './links.ts';
import type { StartOptions } from './options.ts';

/** What runs, in the order in which it was started. */
export interface RunningParts {
  readonly platform: Platform;
  readonly log: RootLog;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly servers: GatewayServer[];
  readonly consumers: { stop(): Promise<void> }[];
  readonly services: HostedService[];
  admin: { readonly port: number; close(): Promise<void> } | undefined;
  probes: { readonly port: number; close(): Promise<void> } | undefined;
  /** What connects the process with others. */
  links: Links | undefined;
  limits: LimitStore | undefined;
  bus: Bus | undefined;
  readonly stores: ReadonlyMap<string, Store>;
  release(): Promise<void>;
}

/** How long accepted requests may take to end by themselves. */
const DRAIN_MS = 15 * SECOND;
const LOOK_MS = 10;

/**
 * Ends a process so that nobody notices: says that it takes no more, waits until that is known, stops taking work of its own,
 * answers what it has accepted, and closes the stores last, because everything else writes to them until it ends.
 */
export async function shutDown(
  parts: RunningParts,
  { drainDelayMs = 0, sharePorts = false }: Pick<StartOptions, 'drainDelayMs' | 'sharePorts'>,
): Promise<void> {
  const { platform, health, log, links } = parts;
  health.setReady(false, 'shutting down');
  // A registry that does not answer must not hold this up: its own checks find out.
  const withdrawn = links?.withdraw().catch((error: unknown) => log.event('registry_withdrawal_failed', { err: error }));
  if (drainDelayMs > 0) await platform.timers.sleep(drainDelayMs);
  const giveUpMono = platform.clock.monoNow() + DRAIN_MS;
  for (const hosted of parts.services) hosted.endWaits();
  await withdrawn;
  const elsewhere = sharePorts ? 'port' : drainDelayMs > 0 ? 'address' : undefined;
  const drained = Promise.all([...parts.servers.map((server) => server.drain(elsewhere)), links?.drain()]);
  // Sagas and reactions end at a step's or event's end; requests under way are answered meanwhile.
  const background = Promise.allSettled([
    ...parts.consumers.map((consumer) => consumer.stop()),
    ...parts.services.map((hosted) => hosted.quiesce()),
  ]);
  await drained;
  const busy = () => (links?.inFlight ?? 0) > 0 || parts.servers.some((server) => server.inFlight > 0);
  while (busy() && platform.clock.monoNow() < giveUpMono) await platform.timers.sleep(LOOK_MS);
  await Promise.allSettled(parts.servers.map((server) => server.close()));
  await background;
  // Those who finish their own work still call here, until now.
  await links?.closeServer();
  await parts.bus?.close();
  await Promise.allSettled([parts.admin?.close(), parts.probes?.close(), parts.limits?.close(), links?.close()]);
  await Promise.allSettled([...parts.stores.values()].map((store) => store.close()));
  await parts.release();
  await Promise.allSettled([parts.metrics.shutdown(), platform.http.close()]);
  await log.flush();
}
