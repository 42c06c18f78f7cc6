import { RametError } from '../errors/index.ts';
import { createHttpServer, problemAnswer } from '../http/index.ts';
import type { Platform } from '../platform/index.ts';
import { type EventLog, type Health, type Metrics, newTrace } from '../telemetry/index.ts';

export interface ProbeServerOptions {
  readonly platform: Platform;
  readonly log: EventLog;
  readonly health: Health;
  readonly metrics: Metrics;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

const CONNECTIONS = 256;

/**
 * What orchestrators, registries and monitors ask a process that has no gateway: `/livez`, `/readyz`, `/health`, `/metrics`.
 * Tells nothing but figures, takes nothing but GET.
 */
export async function startProbeServer({
  platform,
  log,
  health,
  metrics,
  host,
  port,
}: ProbeServerOptions): Promise<{ port: number; close(): Promise<void> }> {
  const probes: Readonly<Record<string, () => Promise<{ status: number; body: unknown }>>> = {
    '/livez': async () => health.live(),
    '/readyz': () => health.ready(),
    '/health': () => health.health(),
  };
  const http = createHttpServer({
    platform,
    log,
    connections: CONNECTIONS,
    async answer({ gated: { method, path } }) {
      if (method !== 'GET' && method !== 'HEAD') return problemAnswer(new RametError('MethodNotAllowed'), newTrace(platform, {}), READ);
      if (path === '/metrics')
        return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, body: await metrics.render() };
      const probe = await probes[path]?.();
      if (!probe) return problemAnswer(new RametError('NotFound'), newTrace(platform, {}));
      return { status: probe.status, headers: { 'content-type': 'application/json; charset=utf-8' }, body: JSON.stringify(probe.body) };
    },
    onRefused: (refused) => log.event('probe_refused', refused),
  });
  return { port: await http.listen(port, host), close: () => http.close() };
}

const READ = { allowed: ['GET', 'HEAD'] };
