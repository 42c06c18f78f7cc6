import type { GatedRequest } from '../http/index.ts';
import type { Platform } from '../platform/index.ts';
import { type Health, type Metrics, newTrace } from '../telemetry/index.ts';
import type { GatewayDefinition } from './gateway.ts';
import { openApi } from './openapi/openapi.ts';
import type { GatewayHandler, GatewayResponse } from './request.ts';
import { OWN_PATHS } from './routes.ts';

export interface OwnAnswers {
  readonly platform: Platform;
  /** The text of the OpenAPI document. */
  readonly document: () => string;
  readonly health: Health;
  readonly metrics: Metrics;
}

/** Makes the OpenAPI document of a gateway, once: strangers may ask for it as often as they like. */
export function documentOf(definition: GatewayDefinition, handler: GatewayHandler): () => string {
  let text: string | undefined;
  return () => {
    text ??= JSON.stringify(openApi(definition, handler.routes));
    return text;
  };
}

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** What a gateway answers itself: health, metrics, its methods, and the document of its routes. It reaches no service. */
export async function ownAnswer(
  { health, metrics, document, platform }: OwnAnswers,
  { method, path }: GatedRequest,
): Promise<GatewayResponse | undefined> {
  if (path !== '*' && !OWN_PATHS.includes(path)) return undefined;
  const { correlationId } = newTrace(platform, {});
  // It asks about the server, and not about anything that has a path.
  if (path === '*') return { status: 204, headers: { allow: METHODS }, route: '(server)', correlationId, body: '' };
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const text = (status: number, body: string): GatewayResponse => ({
    status,
    headers: { 'content-type': 'application/json; charset=utf-8' },
    route: path,
    correlationId,
    body,
  });
  const json = (status: number, body: unknown): GatewayResponse => text(status, JSON.stringify(body));
  switch (path) {
    case '/livez': {
      const probe = health.live();
      return json(probe.status, probe.body);
    }
    case '/readyz': {
      const probe = await health.ready();
      return json(probe.status, probe.body);
    }
    case '/health': {
      const probe = await health.health();
      return json(probe.status, probe.body);
    }
    case '/metrics':
      return {
        status: 200,
        headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
        route: path,
        correlationId,
        body: await metrics.render(),
      };
    case '/openapi.json':
      return text(200, document());
    default:
      return undefined;
  }
}
