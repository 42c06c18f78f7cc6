import fastify from 'fastify';
import type { Health, Metrics } from '../telemetry/index.ts';

export interface ProbeServerOptions {
  readonly health: Health;
  readonly metrics: Metrics;
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
}

/**
 * What orchestrators, registries and monitors ask a process that has no gateway: `/livez`, `/readyz`, `/health`, `/metrics`.
 * Tells nothing but figures, takes nothing but GET.
 */
export async function startProbeServer({
  health,
  metrics,
  host,
  port,
}: ProbeServerOptions): Promise<{ port: number; close(): Promise<void> }> {
  const app = fastify({ logger: false, bodyLimit: 1, forceCloseConnections: true, requestTimeout: 10_000 });
  app.get('/livez', (_request, reply) => reply.code(health.live().status).send(health.live().body));
  app.get('/readyz', async (_request, reply) => {
    const { status, body } = await health.ready();
    return reply.code(status).send(body);
  });
  app.get('/health', async (_request, reply) => {
    const { status, body } = await health.health();
    return reply.code(status).send(body);
  });
  app.get('/metrics', async (_request, reply) => reply.type('text/plain; version=0.0.4; charset=utf-8').send(await metrics.render()));
  await app.listen({ port, host, exclusive: port === 0 });
  const address = app.server.address();
  return { port: typeof address === 'object' && address ? address.port : port, close: () => app.close() };
}
