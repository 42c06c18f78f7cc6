import { durationMs, MINUTE } from '../platform/index.ts';
import { KEEP_SAGAS_MS } from '../saga/index.ts';
import { RETENTION } from '../store/index.ts';
import type { ServiceDefinition } from './types.ts';

/** How long a service keeps its sagas after their end, in milliseconds; undefined for good. @throws RangeError when it is no duration */
export const keepSagasMs = ({ keepSagas }: ServiceDefinition): number | undefined =>
  keepSagas === 'forever' ? undefined : keepSagas === undefined ? KEEP_SAGAS_MS : durationMs(keepSagas);

/** What is wrong with `keepSagas`. */
export function keepSagasProblems(service: string, definition: ServiceDefinition): string[] {
  try {
    const keepMs = keepSagasMs(definition);
    if (keepMs === undefined || keepMs >= RETENTION.endedMs) return [];
    return [
      `service '${service}': keepSagas is '${definition.keepSagas}', and a saga is kept until its participants may forget it: say '${RETENTION.endedMs / MINUTE / 1_440}d' or longer`,
    ];
  } catch (error) {
    return [`service '${service}': keepSagas: ${(error as Error).message}`];
  }
}
