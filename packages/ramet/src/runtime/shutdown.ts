import type { Bus } from '../bus/index.ts';
import type { GatewayServer } from '../gateway/index.ts';
import { type Platform, SECOND } from '../platform/index.ts';
import type { HostedService } from '../service/index.ts';
import type { Store } from '../store/index.ts';
import type { Health, Metrics, RootLog } from '../telemetry/index.ts';

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
export async function shutDown(parts: RunningParts, drainDelayMs: number): Promise<void> {
  const { platform, health, log } = parts;
  health.setReady(false, 'shutting down');
  if (drainDelayMs > 0) await platform.timers.sleep(drainDelayMs);
  const giveUpMono = platform.clock.monoNow() + DRAIN_MS;
  for (const hosted of parts.services) hosted.endWaits();
  const drained = Promise.all(parts.servers.map((server) => server.drain()));
  // Sagas and reactions end at a step's or event's end; requests under way are answered meanwhile.
  const background = Promise.allSettled([
    ...parts.consumers.map((consumer) => consumer.stop()),
    ...parts.services.map((hosted) => hosted.stop()),
  ]);
  await drained;
  while (parts.servers.some((server) => server.inFlight > 0) && platform.clock.monoNow() < giveUpMono) await platform.timers.sleep(LOOK_MS);
  await Promise.allSettled(parts.servers.map((server) => server.close()));
  await background;
  await parts.bus?.close();
  await parts.admin?.close();
  await Promise.allSettled([...parts.stores.values()].map((store) => store.close()));
  await parts.release();
  await Promise.allSettled([parts.metrics.shutdown(), platform.http.close()]);
  await log.flush();
}
