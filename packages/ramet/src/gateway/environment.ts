import type { TransportRoutes } from '../rpc/index.ts';
import type { LimitsEnvironment } from './limits/limits.ts';
import type { Authenticator } from './tokens/jwt.ts';

/** Everything that a gateway needs from its process. */
export interface GatewayEnvironment extends LimitsEnvironment {
  readonly transport: TransportRoutes;
  /** Verifies tokens instead of the authenticator that the definition names. Simulators use it. */
  readonly authenticator?: Authenticator;
}
