import { DAY, durationMs, Settings } from '../../platform/index.ts';
import { FENCES_KEPT, KEEP_SAGAS_MS } from '../../saga/index.ts';
import type { ServiceDefinition } from '../definition.ts';

/** Returns how long a service keeps its sagas after their end, in milliseconds; undefined means for ever. @throws RangeError when it is not a duration */
export const keepSagasMs = ({ keepSagas }: ServiceDefinition): number | undefined =>
  keepSagas === 'forever' ? undefined : keepSagas === undefined ? KEEP_SAGAS_MS : durationMs(keepSagas);

/** Returns the problems of `keepSagas`. */
export function keepSagasProblems(service: string, definition: ServiceDefinition): string[] {
  if (definition.keepSagas === 'forever') return [];
  const settings = new Settings(`service '${service}': `);
  const keepMs = settings.duration('keepSagas', definition.keepSagas, KEEP_SAGAS_MS);
  if (keepMs < FENCES_KEPT.endedMs)
    settings.report(
      `keepSagas is '${definition.keepSagas}', but a saga must be kept until its participants may forget it; write '${FENCES_KEPT.endedMs / DAY}d' or longer`,
    );
  return settings.problems;
}
