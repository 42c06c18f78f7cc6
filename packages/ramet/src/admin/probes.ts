import { RametError } from '../errors/index.ts';
import { createHttpServer, probeAnswer, problemAnswer } from '../http/index.ts';
import type { Platform } from '../platform/index.ts';
import { type EventLog, type Health, type Metrics, newTrace } from '../telemetry/index.ts';

/** What the server of probes needs. */
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
const READ = { allowed: ['GET', 'HEAD'] };

/** Serves `/livez`, `/readyz`, `/health` and `/metrics` in a process without a gateway. It answers GET alone, and with figures alone. */
export async function startProbeServer(options: ProbeServerOptions): Promise<{ port: number; close(): Promise<void> }> {
  const { platform, log, host, port } = options;
  const http = createHttpServer({
    platform,
    log,
    connections: CONNECTIONS,
    async answer({ gated: { method, path } }) {
      if (method !== 'GET' && method !== 'HEAD') return problemAnswer(new RametError('MethodNotAllowed'), newTrace(platform, {}), READ);
      return (await probeAnswer(path, options)) ?? problemAnswer(new RametError('NotFound'), newTrace(platform, {}));
    },
    onRefused: (refused) => log.event('probe_refused', refused),
  });
  return { port: await http.listen(port, host), close: () => http.close() };
}
