import type { GatedRequest } from '../http/index.ts';
import type { Platform } from '../platform/index.ts';
import { newTrace } from '../telemetry/index.ts';
import type { GatewayDefinition } from './gateway.ts';
import type { GatewayResponse } from './response.ts';

/** Makes the headers that let pages of the declared origins read an answer. */
export function corsHeaders(definition: GatewayDefinition, { headers }: GatedRequest): Record<string, string> {
  if (definition.origins.length === 0) return {};
  const origin = headers.get('origin');
  if (origin === undefined || !definition.origins.includes(origin)) return { vary: 'Origin' };
  return {
    vary: 'Origin',
    'access-control-allow-origin': origin,
    'access-control-expose-headers': 'x-correlation-id, retry-after, ratelimit-limit, ratelimit-remaining, ratelimit-reset',
  };
}

/** Answers a preflight without a service: a preflight carries no identity and counts against no limit. */
export function corsPreflight(platform: Platform, definition: GatewayDefinition, gated: GatedRequest): GatewayResponse | undefined {
  if (gated.method !== 'OPTIONS' || definition.origins.length === 0 || !gated.headers.has('access-control-request-method'))
    return undefined;
  return {
    status: 204,
    headers: {
      ...corsHeaders(definition, gated),
      'access-control-allow-methods': 'GET, POST, PUT, PATCH, DELETE',
      'access-control-allow-headers': 'authorization, content-type, idempotency-key, prefer, x-correlation-id, traceparent',
      'access-control-max-age': '600',
    },
    route: '(preflight)',
    correlationId: newTrace(platform, {}).correlationId,
    body: '',
  };
}
