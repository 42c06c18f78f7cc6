import type { Platform } from '../platform/index.ts';
import type { Caller } from '../security/index.ts';
import type { Dispatcher, Transport, TransportCapabilities } from './call.ts';

/** What a topology names: makes the transport between its processes. */
export interface TransportFactory {
  readonly capabilities: TransportCapabilities;
  create(environment: TransportEnvironment): RemoteTransport;
}

export interface TransportEnvironment {
  readonly platform: Platform;
  /** Where the instances of a service answer now. The same array until something changes; empty when nobody is known. */
  readonly addresses: (service: string) => readonly Address[];
  readonly identities: Identities;
  /** The name of this process: the other side of a connection says it to people. */
  readonly process?: string;
  /** Told of failures that no caller hears of. */
  readonly onError: (error: unknown, where: object) => void;
}

export interface Address {
  readonly id: string;
  readonly host: string;
  readonly port: number;
}

/** Carries calls between processes. */
export interface RemoteTransport {
  readonly capabilities: TransportCapabilities;
  /** The transport as one service or gateway of this process uses it: `from` is signed into each of its calls. */
  from(from: string): Transport;
  /** Answers calls to the services of `dispatchers`. @throws Error when the port is taken */
  listen(dispatchers: ReadonlyMap<string, Dispatcher>, at: { readonly host: string; readonly port: number }): Promise<RpcServer>;
  /** Ends the connections that this process has made; calls on them end as faults. */
  close(): Promise<void>;
}

export interface RpcServer {
  readonly port: number;
  /** Calls and streams under way. */
  readonly inFlight: number;
  /** Tells every peer to call elsewhere from now on. What comes all the same is answered; what is under way ends by itself. */
  drain(): Promise<void>;
  /** Ends the connections. */
  close(): Promise<void>;
}

/**
 * Who calls, signed: a token for one pair of services and one caller, valid for seconds, so that it may be used for many
 * calls and is of no use to who sees it later.
 */
export interface Identities {
  /** @param from the service or gateway that calls, @param to the service that is called */
  sign(caller: Caller, from: string, to: string): string;
  /**
   * @param to the service that was called
   * @returns the caller and who calls for him
   * @throws RametError Unauthenticated when the token is forged, too old or meant for somebody else; Forbidden when `from` does not declare that it uses `to`
   */
  verify(token: string, to: string): { readonly caller: Caller; readonly from: string };
}
