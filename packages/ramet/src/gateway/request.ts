import type { CallWatcher, Canceller, TransportRoutes } from '../rpc/index.ts';
import type { LimitsEnvironment } from './limits/limits.ts';
import type { Route } from './routes.ts';
import type { Authenticator } from './tokens/jwt.ts';

/** A request that has passed the gate: what everything behind it sees, and nothing else of what was sent. */
export interface CanonicalRequest {
  readonly method: string;
  readonly segments: readonly string[];
  readonly rawQuery: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly socketAddress: string;
  /** Reads the body, which is not awaited before. Undefined when there is none. */
  body(): Promise<Uint8Array | undefined>;
  /** Ends the request; it is cancelled when the client goes away. */
  readonly cancellation: Canceller;
}

export type GatewayResponse = {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  /** The pattern of the route, for metrics; `(site)` for a file, `(none)` where there was none. */
  readonly route: string;
  readonly correlationId: string;
} & ({ readonly body: string | Uint8Array } | { readonly events: AsyncIterable<unknown> });

export interface GatewayHandler {
  handle(request: CanonicalRequest): Promise<GatewayResponse>;
  /** Makes ready what answers are made of. Requests that come before are answered too, at more cost. */
  prepare(): Promise<void>;
  readonly routes: readonly Route[];
}

export interface GatewayEnvironment extends LimitsEnvironment {
  readonly transport: TransportRoutes;
  /** Checks tokens in place of the one that the definition says. For simulators. */
  readonly authenticator?: Authenticator;
  /** Sees what the policies of the gateway's calls do. */
  readonly watch?: CallWatcher;
}
