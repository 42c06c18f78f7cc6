import type { z } from 'zod';
import { compileSchema } from '../contract/index.ts';
import { RametError } from '../errors/index.ts';
import type { Platform } from '../platform/index.ts';
import type { CallOrigin } from '../rpc/index.ts';
import { type Initiation, serviceCaller } from '../security/index.ts';
import { newTrace } from '../telemetry/index.ts';

/** Who operators are in logs of sagas, and to the services that they call. */
export const OPERATOR = 'operator';

/** Reads bodies by a schema. @throws RametError BadRequest with everything that does not fit */
export function parserOf<T>(schema: z.ZodType): (body: unknown) => T {
  const { codec } = compileSchema(schema);
  return (body) => {
    const decoded = codec.decode(body);
    if (!decoded.ok) throw new RametError('BadRequest', 'The request does not fit', { issues: decoded.issues });
    return decoded.value as T;
  };
}

/** A call that begins here. @param withinMs how long operators wait for it */
export const originOf = (
  platform: Platform,
  { service = OPERATOR, initiation, withinMs = 30_000 }: { service?: string; initiation?: Initiation; withinMs?: number } = {},
): CallOrigin => ({
  meta: { caller: serviceCaller(service, initiation), trace: newTrace(platform, {}), depth: 0 },
  remainingMs: () => withinMs,
  signal: undefined,
});
