import type { Platform } from '../platform/index.ts';
import type { CallOrigin } from '../rpc/index.ts';
import { type Initiation, serviceCaller } from '../security/index.ts';
import { newTrace } from '../telemetry/index.ts';

/** The name of operators in logs of sagas, and to the services that they call. */
export const OPERATOR = 'operator';

/** Makes the origin of a call that begins here. @param withinMs how long operators wait for it */
export const originOf = (
  platform: Platform,
  { service = OPERATOR, initiation, withinMs = 30_000 }: { service?: string; initiation?: Initiation; withinMs?: number } = {},
): CallOrigin => ({
  meta: { caller: serviceCaller(service, initiation), trace: newTrace(platform, {}), depth: 0 },
  remainingMs: () => withinMs,
  signal: undefined,
});
