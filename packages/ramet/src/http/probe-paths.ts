import type { Health, Metrics } from '../telemetry/index.ts';
import type { WholeAnswer } from './answers.ts';

/** The paths that orchestrators, registries and monitors ask, of every process. */
export const PROBE_PATHS: readonly string[] = ['/livez', '/readyz', '/health', '/metrics'];

/** Answers a GET for one of the {@link PROBE_PATHS}; undefined for every other path. */
export async function probeAnswer(
  path: string,
  { health, metrics }: { readonly health: Health; readonly metrics: Metrics },
): Promise<WholeAnswer | undefined> {
  switch (path) {
    case '/livez':
      return json(health.live());
    case '/readyz':
      return json(await health.ready());
    case '/health':
      return json(await health.health());
    case '/metrics':
      return { status: 200, headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }, body: await metrics.render() };
    default:
      return undefined;
  }
}

const json = ({ status, body }: { readonly status: number; readonly body: unknown }): WholeAnswer => ({
  status,
  headers: { 'content-type': 'application/json; charset=utf-8' },
  body: JSON.stringify(body),
});
