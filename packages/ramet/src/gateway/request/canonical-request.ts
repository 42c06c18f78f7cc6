import type { Canceller } from '../../rpc/index.ts';

/** A request that has passed the gate. The rest of the gateway sees nothing else of what the client sent. */
export interface CanonicalRequest {
  readonly method: string;
  readonly segments: readonly string[];
  readonly rawQuery: string;
  readonly headers: ReadonlyMap<string, string>;
  readonly socketAddress: string;
  /** Reads the body, which nothing awaits before. Undefined when there is none. */
  body(): Promise<Uint8Array | undefined>;
  /** Ends the request; cancelled when the client goes away. */
  readonly cancellation: Canceller;
}
