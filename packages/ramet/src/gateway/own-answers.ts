import { type GatedRequest, probeAnswer } from '../http/index.ts';
import type { Platform } from '../platform/index.ts';
import { type Health, type Metrics, newTrace } from '../telemetry/index.ts';
import type { GatewayDefinition } from './gateway.ts';
import { openApi } from './openapi/openapi.ts';
import type { GatewayResponse } from './response.ts';
import { DOCUMENT_PATH, type GatewayRoute, OWN_PATHS } from './routes.ts';

/** What a gateway needs to answer without a service. */
export interface OwnAnswers {
  readonly platform: Platform;
  /** Gives the text of the OpenAPI document. */
  readonly document: () => string;
  readonly health: Health;
  readonly metrics: Metrics;
}

/** Makes the OpenAPI document of a gateway once, however often clients request it. */
export function documentOf(definition: GatewayDefinition, routes: readonly GatewayRoute[]): () => string {
  let text: string | undefined;
  return () => {
    text ??= JSON.stringify(openApi(definition, routes));
    return text;
  };
}

const METHODS = 'GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS';

/** Answers what a gateway answers without a service: probes, metrics, its methods, and the document of its routes. */
export async function ownAnswer(answers: OwnAnswers, { method, path }: GatedRequest): Promise<GatewayResponse | undefined> {
  if (path !== '*' && !OWN_PATHS.includes(path)) return undefined;
  const { correlationId } = newTrace(answers.platform, {});
  // The target `*` stands for the server as a whole.
  if (path === '*') return { status: 204, headers: { allow: METHODS }, route: '(server)', correlationId, body: '' };
  if (method !== 'GET' && method !== 'HEAD') return undefined;
  const answer =
    path === DOCUMENT_PATH
      ? { status: 200, headers: { 'content-type': 'application/json; charset=utf-8' }, body: answers.document() }
      : await probeAnswer(path, answers);
  return answer && { ...answer, route: path, correlationId };
}
